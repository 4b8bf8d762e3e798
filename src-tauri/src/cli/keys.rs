//! `key`: keys of model providers. A key is never an argument: arguments are seen by every program here.

use std::io::{IsTerminal, Read, stdin};

use clap::{Args, Subcommand, ValueEnum};
use sandbox_engine::credentials::{Kept, NewKey, Place, Secret, providers};
use sandbox_engine::{Engine, Error};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::answer::Printer;
use super::mistake::Mistake;
use super::own_terminal::Quiet;

/// Longest input that is read.
const MOST: u64 = 16 * 1024;

/// `key`
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Which keys are kept, and where; never the keys
    List,
    /// Keep a key: it is typed, or read from standard input
    Set(Set),
    /// Forget a key, here and in every gateway
    Remove {
        /// anthropic, openai, google, openrouter or own
        provider: String,
    },
    /// Let a sandbox use keys beside those of its agent; names none: its agent's only
    Use {
        /// An id, a name, or the beginning of an id
        sandbox: String,
        /// anthropic, openai, google, openrouter or own
        providers: Vec<String>,
    },
}

/// `key set`
#[derive(Debug, Args)]
pub struct Set {
    /// anthropic, openai, google, openrouter or own
    pub provider: String,
    /// Read the key from standard input
    #[arg(long)]
    pub from_stdin: bool,
    /// Where it is kept
    #[arg(long, value_enum, default_value = "keychain")]
    pub keep: Keep,
    /// Another server: for own its address, for instance http://localhost:11434/v1; for a provider what stands
    /// in its place, for instance a company's gateway, without the /v1
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// The model that agents ask for by themselves, for own
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// For own: the server wants no key
    #[arg(long, conflicts_with = "from_stdin")]
    pub no_key: bool,
}

/// Where a key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// The system's keychain
    Keychain,
    /// A file in the data folder that only you can read
    File,
}

impl Keep {
    /// As the engine says it.
    pub fn place(self) -> Place {
        match self {
            Self::Keychain => Place::Keychain,
            Self::File => Place::File,
        }
    }
}

/// Where no keychain answers there is another way.
pub fn or_in_a_file(error: Error) -> Mistake {
    match error {
        Error::NotSupported { message } => Mistake::Failed(
            message,
            None,
            Some("Keep it in a file: --keep file".to_owned()),
        ),
        other => other.into(),
    }
}

/// Runs one; gives the document and its text.
pub async fn run(engine: &Engine, key: Key, printer: &Printer) -> Result<(Value, String), Mistake> {
    match key {
        Key::List => list(engine, printer).await,
        Key::Set(set) => self::set(engine, set, printer).await,
        Key::Remove { provider } => {
            engine.remove_key(&provider).await?;
            Ok((
                json!({ "removed": provider }),
                format!("Forgot the key of {provider}"),
            ))
        }
        Key::Use { sandbox, providers } => {
            let id = engine.resolve(&sandbox)?;
            engine.use_keys(&id, providers).await?;
            let (_, record) = engine.load(&id)?;
            let users = engine.key_users(&record);
            let text = if users.is_empty() {
                "It uses no keys".to_owned()
            } else {
                format!("It uses, where they are kept: {}", users.join(", "))
            };
            Ok((json!({ "id": id.as_str(), "keys": users }), text))
        }
    }
}

async fn list(engine: &Engine, printer: &Printer) -> Result<(Value, String), Mistake> {
    let keys = engine.keys()?;
    let keychain = engine.keychain_answers().await;
    let rows: Vec<Value> = keys.iter().map(row).collect();
    let mut text = String::new();
    for kept in &keys {
        let name = kept
            .provider()
            .map_or(kept.provider.as_str(), |provider| provider.name);
        let server = kept.server.as_deref().map_or(String::new(), |server| {
            format!("  {}", printer.name(server.as_bytes()))
        });
        text += &format!(
            "{:<10}  {name}  {}{server}\n",
            kept.provider,
            kept.place.words()
        );
    }
    if keys.is_empty() {
        text += "No keys are kept. Keep one: agent-sandbox key set anthropic\n";
    }
    if let Err(error) = &keychain {
        text += &format!(
            "The system\u{2019}s keychain does not answer ({}). --keep file keeps keys in a file that only you can read\n",
            printer.name(error.0.as_bytes())
        );
    }
    let document = json!({ "keys": rows, "keychain": keychain.is_ok() });
    Ok((document, text))
}

fn row(kept: &Kept) -> Value {
    json!({
        "provider": kept.provider, "kept": kept.place, "since": kept.since,
        "server": kept.server, "model": kept.model,
    })
}

async fn set(engine: &Engine, wanted: Set, printer: &Printer) -> Result<(Value, String), Mistake> {
    let Some(provider) = providers::find(&wanted.provider) else {
        let known = providers::PROVIDERS.map(|provider| provider.id).join(", ");
        return Err(Mistake::Use(format!(
            "there is no provider {:?}; there are {known}",
            wanted.provider
        )));
    };
    let key = if wanted.no_key {
        None
    } else {
        Some(read_key(provider.name, wanted.from_stdin)?)
    };
    let kept = engine
        .set_key(NewKey {
            provider: wanted.provider,
            key,
            place: Some(wanted.keep.place()),
            server: wanted.server,
            model: wanted.model,
        })
        .await
        .map_err(or_in_a_file)?;
    let file = engine.data().root().join("keys").join(&kept.provider);
    let place = match kept.place {
        Place::File => {
            printer.name(format!("{} ({})", kept.place.words(), file.display()).as_bytes())
        }
        other => other.words().to_owned(),
    };
    let text = format!(
        "{}: kept {place}. Sandboxes use it and never see it",
        provider.name
    );
    Ok((row(&kept), text))
}

fn read_key(provider: &str, from_stdin: bool) -> Result<Secret, Mistake> {
    let text = read_secret(&format!("Key of {provider}"), "key", from_stdin)?;
    // The text itself is in no message.
    Secret::new(text.trim().to_owned()).ok_or_else(|| {
        Mistake::Use("that is no key: it has 8 to 4096 visible signs, without spaces".to_owned())
    })
}

/// What is typed unseen behind a question, or comes by standard input; without the end of its line.
pub fn read_secret(
    question: &str,
    what: &str,
    from_stdin: bool,
) -> Result<Zeroizing<String>, Mistake> {
    let terminal = stdin().is_terminal();
    if !from_stdin && !terminal {
        return Err(Mistake::Use(format!(
            "the {what} is typed in a terminal; without one, give it to standard input and say --from-stdin"
        )));
    }
    // Where typing would be shown, nothing is typed.
    let quiet = terminal.then(|| Quiet::begin(question)).flatten();
    if terminal && quiet.is_none() {
        return Err(Mistake::Use(format!(
            "typing would be shown here; give the {what} to standard input and say --from-stdin"
        )));
    }
    let failed =
        |error: std::io::Error| Mistake::failed(format!("could not read the {what}: {error}"));
    let mut text = Zeroizing::new(String::new());
    if terminal {
        stdin().read_line(&mut text).map_err(failed)?;
    } else {
        stdin()
            .take(MOST)
            .read_to_string(&mut text)
            .map_err(failed)?;
    }
    Ok(Zeroizing::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}
