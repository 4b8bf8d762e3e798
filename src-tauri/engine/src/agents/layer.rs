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
    Some(format!(
        "FROM {image}\nUSER 0:0\nRUN {install}{files} && HOME=/tmp /opt/agents/bin/{program} --version && rm -rf /tmp/*\n"
    ))
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
