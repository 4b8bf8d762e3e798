//! Agents: what each is, how it is installed and started. Data; what is done with it is elsewhere.
//!
//! Versions are pinned and tried together with the commands. The sandbox is the safety, so agents are started
//! not to ask for each step; their self-update is off, for their folder is read-only.

/// How an agent gets into an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Install {
    /// It is there already.
    Nothing,
    /// A package of the npm registry, with its version.
    Npm(&'static str, &'static str),
}

/// One agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// As it is written down and typed.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// What the user must have, in words.
    pub needs: &'static str,
    /// How it gets into the image.
    pub install: Install,
    /// The line that starts it in a terminal; empty: a shell, or the user's own command.
    pub start: &'static str,
    /// The line that goes on with its last conversation.
    pub resume: &'static str,
    /// Its program, asked for its version when the image is made.
    pub program: &'static str,
    /// Set where it runs.
    pub env: &'static [(&'static str, &'static str)],
    /// Its own service and its log-in: approved with *Approved sites*.
    pub hosts: &'static [&'static str],
}

impl Recipe {
    /// Whether it is of no use without a network.
    pub fn needs_network(&self) -> bool {
        !self.hosts.is_empty()
    }
}

const NONE: Recipe = Recipe {
    id: "",
    name: "",
    needs: "",
    install: Install::Nothing,
    start: "",
    resume: "",
    program: "",
    env: &[],
    hosts: &[],
};

/// All agents, in the order in which they are shown.
pub const RECIPES: [Recipe; 6] = [
    Recipe {
        id: "shell",
        name: "Shell",
        needs: "Needs nothing",
        ..NONE
    },
    Recipe {
        id: "claude",
        name: "Claude Code",
        needs: "Anthropic account",
        install: Install::Npm("@anthropic-ai/claude-code", "2.1.331"),
        start: "claude --dangerously-skip-permissions",
        resume: "claude --dangerously-skip-permissions --continue",
        program: "claude",
        env: &[
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
        ],
        hosts: &[
            "api.anthropic.com",
            "claude.ai",
            "claude.com",
            "platform.claude.com",
            "console.anthropic.com",
        ],
    },
    Recipe {
        id: "codex",
        name: "Codex",
        needs: "OpenAI account",
        install: Install::Npm("@openai/codex", "0.169.0"),
        start: "codex --dangerously-bypass-approvals-and-sandbox",
        resume: "codex resume --last --dangerously-bypass-approvals-and-sandbox",
        program: "codex",
        env: &[],
        hosts: &["api.openai.com", "auth.openai.com", "chatgpt.com"],
    },
    Recipe {
        id: "gemini",
        name: "Gemini CLI",
        needs: "Google account",
        install: Install::Npm("@google/gemini-cli", "0.61.0"),
        start: "gemini --yolo",
        resume: "gemini --yolo --resume latest",
        program: "gemini",
        env: &[("GEMINI_CLI_TRUST_WORKSPACE", "true")],
        hosts: &[
            "generativelanguage.googleapis.com",
            "cloudcode-pa.googleapis.com",
            "oauth2.googleapis.com",
            "accounts.google.com",
            "www.googleapis.com",
        ],
    },
    Recipe {
        id: "opencode",
        name: "OpenCode",
        needs: "A model\u{2019}s key",
        install: Install::Npm("opencode-ai", "1.18.33"),
        start: "opencode",
        resume: "opencode --continue",
        program: "opencode",
        env: &[("OPENCODE_DISABLE_AUTOUPDATE", "1")],
        hosts: &[
            "opencode.ai",
            "models.dev",
            "api.anthropic.com",
            "api.openai.com",
        ],
    },
    Recipe {
        id: "own",
        name: "Own command",
        needs: "A program of your choice",
        ..NONE
    },
];

/// The recipe of that id.
pub fn find(id: &str) -> Option<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.id == id)
}

/// Its hosts; none for what is not known.
pub fn hosts(id: &str) -> &'static [&'static str] {
    find(id).map_or(&[], |recipe| recipe.hosts)
}

/// The recipe of the image that an agent is installed into. It runs nothing of the user's.
pub fn dockerfile(image: &str, recipe: &Recipe) -> Option<String> {
    let Install::Npm(package, version) = recipe.install else {
        return None;
    };
    let program = recipe.program;
    Some(format!(
        "FROM {image}\nUSER 0:0\nRUN npm install --global --prefix /opt/agents --no-fund --no-audit \
         --loglevel=error ${{SSL_CERT_FILE:+--cafile \"$SSL_CERT_FILE\"}} {package}@{version} \
         && rm -rf /root/.npm /tmp/* && HOME=/tmp /opt/agents/bin/{program} --version && rm -rf /tmp/*\n"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sandbox_protocol::policy::HostPattern;

    #[test]
    fn recipes_read() {
        for recipe in RECIPES {
            assert_eq!(find(recipe.id), Some(&recipe), "twice: {}", recipe.id);
            for host in recipe.hosts {
                assert!(host.parse::<HostPattern>().is_ok(), "{host}");
            }
            if recipe.install != Install::Nothing {
                assert!(recipe.start.starts_with(recipe.program), "{}", recipe.id);
                assert!(dockerfile("x", &recipe).unwrap().contains('@'));
            }
        }
    }
}
