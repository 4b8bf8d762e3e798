//! The recipe of the image that an agent is installed into. It runs nothing of the user's.

use super::{Install, Recipe};

/// On an image; `None`: nothing is to be installed.
pub fn dockerfile(image: &str, recipe: &Recipe) -> Option<String> {
    let install = match recipe.install.as_ref()? {
        Install::Npm { package, version } => npm(package, version),
        Install::Pip {
            package,
            version,
            instead,
        } => pip(package, version, instead, &recipe.program),
    };
    let program = &recipe.program;
    let files: String = recipe
        .files
        .iter()
        .map(|(name, text)| format!(" && printf '%s' '{text}' > /opt/agents/{name}"))
        .collect();
    let progress = progress("5", "/opt/agents /root/.npm /tmp");
    Some(format!(
        "FROM {image}\nUSER 0:0\nRUN {progress} {install}{files} && HOME=/tmp /opt/agents/bin/{program} --version && rm -rf /tmp/*\n"
    ))
}

/// Says how much has come into these folders, as long as more comes: a slow line is no standstill, and one that stands
/// still says nothing and is given up by whoever waits. Ends with the step.
fn progress(seconds: &str, folders: &str) -> String {
    format!(
        "{{ before=0; while sleep {seconds}; do \
         now=$(du -skc {folders} 2>/dev/null | tail -n 1 | cut -f 1); \
         [ \"$now\" -le \"$before\" ] || echo \"$((now / 1024)) MB so far\"; before=$now; done; }} &"
    )
}

fn npm(package: &str, version: &str) -> String {
    format!(
        "npm install --global --prefix /opt/agents --no-fund --no-audit --loglevel=error \
         ${{SSL_CERT_FILE:+--cafile \"$SSL_CERT_FILE\"}} {package}@{version} && rm -rf /root/.npm /tmp/*"
    )
}

/// The requirements of a package that is there, but for those that others are taken for.
const REQUIRES: &str = r#"import importlib.metadata as m, re, sys; new = sys.argv[2:]; name = lambda line: re.split(r"[^A-Za-z0-9._-]", line)[0].lower(); names = [name(line) for line in new]; print(*[line for line in m.requires(sys.argv[1]) or [] if "extra ==" not in line and name(line) not in names], *new, sep="\n")"#;

/// In an environment of its own: nothing that the agent's project installs can change what the agent runs.
fn pip(package: &str, version: &str, instead: &[String], program: &str) -> String {
    const PLACE: &str = "/opt/agents/python";
    let install = format!(
        "{PLACE}/bin/pip install --quiet --no-cache-dir --disable-pip-version-check \
         ${{SSL_CERT_FILE:+--cert \"$SSL_CERT_FILE\"}}"
    );
    let package = if instead.is_empty() {
        format!("{install} {package}=={version}")
    } else {
        let instead: Vec<String> = instead.iter().map(|one| format!("'{one}'")).collect();
        format!(
            "{install} --no-deps --ignore-requires-python {package}=={version} \
             && {PLACE}/bin/python -c '{REQUIRES}' {package} {} > /tmp/requires \
             && {install} --only-binary :all: -r /tmp/requires",
            instead.join(" ")
        )
    };
    format!(
        "python3 -m venv {PLACE} && {package} && mkdir -p /opt/agents/bin \
         && ln -s ../python/bin/{program} /opt/agents/bin/{program}"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::process::Command;

    use super::*;

    /// Lines that are said while a step does this in the folder.
    fn said(step: &str) -> usize {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap();
        let line = format!("{} cd {place}; {step}; kill $!", progress("0.2", place));
        let said = Command::new("sh").args(["-c", &line]).output().unwrap();
        let text = String::from_utf8(said.stdout).unwrap();
        assert!(
            text.lines().all(|line| line.ends_with(" MB so far")),
            "{text}"
        );
        text.lines().count()
    }

    #[test]
    fn an_install_speaks_while_more_comes_and_only_then() {
        let more = "head -c 1000000 /dev/urandom >> got; sleep 0.4";
        let growing = said(&[more; 6].join("; "));
        let still = said(&format!("{more}; sleep 2"));
        assert!(growing >= 4, "{growing}");
        assert!((1..=2).contains(&still), "what came, and no more: {still}");
    }
}
