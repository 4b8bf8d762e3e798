//! Providers of models: where a key belongs to and how it is sent. Data.

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// As it is written down and typed.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// What a key of it is for, in words.
    pub what: &'static str,
    /// Where its keys are made: shown, never opened by itself.
    pub page: &'static str,
    /// The only host that a key of it is sent to; empty: the user states a server.
    pub host: &'static str,
    /// Put before every path.
    pub base: &'static str,
    /// The header that carries the key, in small letters.
    pub header: &'static str,
    /// Put before the key.
    pub prefix: &'static str,
    /// Paths that a sandbox may ask for, by their beginning: the model, not the account.
    pub paths: &'static [&'static str],
    /// What programs are told where no recipe says otherwise; see `agents/recipes.toml` for what is in braces.
    pub env: &'static [(&'static str, &'static str)],
}

/// The user's own server.
pub const OWN: &str = "own";

/// All providers, in the order in which they are shown.
pub const PROVIDERS: [Provider; 5] = [
    Provider {
        id: "anthropic",
        name: "Anthropic",
        what: "Claude models",
        page: "console.anthropic.com",
        host: "api.anthropic.com",
        base: "",
        header: "x-api-key",
        prefix: "",
        paths: &["/v1/messages", "/v1/models", "/v1/complete"],
        env: &[
            ("ANTHROPIC_BASE_URL", "{base}"),
            ("ANTHROPIC_API_BASE", "{base}"),
            ("ANTHROPIC_API_KEY", "{placeholder}"),
        ],
    },
    Provider {
        id: "openai",
        name: "OpenAI",
        what: "GPT and o models",
        page: "platform.openai.com",
        host: "api.openai.com",
        base: "",
        header: "authorization",
        prefix: "Bearer ",
        paths: &[
            "/v1/responses",
            "/v1/chat/completions",
            "/v1/completions",
            "/v1/embeddings",
            "/v1/models",
        ],
        env: &[
            ("OPENAI_BASE_URL", "{base}/v1"),
            ("OPENAI_API_BASE", "{base}/v1"),
            ("OPENAI_API_KEY", "{placeholder}"),
        ],
    },
    Provider {
        id: "google",
        name: "Google",
        what: "Gemini models",
        page: "aistudio.google.com",
        host: "generativelanguage.googleapis.com",
        base: "",
        header: "x-goog-api-key",
        prefix: "",
        paths: &["/v1beta/models", "/v1/models"],
        env: &[
            ("GOOGLE_GEMINI_BASE_URL", "{base}"),
            ("GEMINI_API_KEY", "{placeholder}"),
        ],
    },
    Provider {
        id: "openrouter",
        name: "OpenRouter",
        what: "many providers\u{2019} models",
        page: "openrouter.ai",
        host: "openrouter.ai",
        base: "/api",
        header: "authorization",
        prefix: "Bearer ",
        paths: &[
            "/v1/chat/completions",
            "/v1/completions",
            "/v1/responses",
            "/v1/models",
        ],
        env: &[
            ("OPENROUTER_API_BASE", "{base}/v1"),
            ("OPENROUTER_API_KEY", "{placeholder}"),
        ],
    },
    Provider {
        id: OWN,
        name: "Own model server",
        what: "Ollama, vLLM, LM Studio, a company\u{2019}s gateway: what speaks OpenAI\u{2019}s protocol",
        page: "",
        host: "",
        base: "",
        header: "authorization",
        prefix: "Bearer ",
        paths: &[],
        env: &[
            ("OPENAI_BASE_URL", "{base}"),
            ("OPENAI_API_BASE", "{base}"),
            ("OPENAI_API_KEY", "{placeholder}"),
        ],
    },
];

/// The provider of that id.
pub fn find(id: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.id == id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sandbox_protocol::policy::HostName;

    #[test]
    fn every_provider_reads() {
        for provider in PROVIDERS {
            assert_eq!(find(provider.id), Some(&provider), "twice: {}", provider.id);
            assert!(provider.id == OWN || HostName::parse(provider.host.as_bytes()).is_ok());
            assert!(
                provider.paths.iter().all(|path| path.starts_with("/v1")),
                "{}",
                provider.id
            );
            assert_eq!(provider.header, provider.header.to_ascii_lowercase());
        }
    }
}
