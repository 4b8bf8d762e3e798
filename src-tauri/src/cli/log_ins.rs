//! `login`: one log-in by browser, used in several sandboxes of the same agent.

use clap::Subcommand;
use sandbox_engine::Engine;
use sandbox_engine::credentials::KeptLogIn;
use serde_json::{Value, json};

use super::answer::Printer;
use super::keys::{Keep, or_in_a_file};
use super::mistake::Mistake;

/// `login`
#[derive(Debug, Subcommand)]
pub enum Login {
    /// Which log-ins are kept, and where; never what they are
    List,
    /// Use the log-in of a sandbox in other sandboxes of its agent, from their next start on
    Keep {
        /// An id, a name, or the beginning of an id; it must run
        sandbox: String,
        /// Where it is kept
        #[arg(long, value_enum, default_value = "keychain")]
        keep: Keep,
    },
    /// Forget a kept log-in; sandboxes that have it already keep theirs until they are wiped or removed
    Forget {
        /// The agent, for instance claude
        agent: String,
    },
}

/// Runs one; gives the document and its text.
pub async fn run(
    engine: &Engine,
    login: Login,
    printer: &Printer,
) -> Result<(Value, String), Mistake> {
    match login {
        Login::List => {
            let kept = engine.log_ins()?;
            let rows: Vec<Value> = kept.iter().map(row).collect();
            let mut text: String = kept.iter().map(|one| line(one, printer)).collect();
            if text.is_empty() {
                text.push_str("No log-ins are kept. Keep one: agent-sandbox login keep SANDBOX\n");
            }
            Ok((json!({ "log_ins": rows }), text))
        }
        Login::Keep { sandbox, keep } => {
            let id = engine.resolve(&sandbox)?;
            let kept = engine
                .keep_log_in(&id, keep.place())
                .await
                .map_err(or_in_a_file)?;
            let name = engine.recipes().name(&kept.agent);
            let text = format!(
                "Kept {}. Sandboxes of {name} with a network get it when they start, and its agent can read it there",
                kept.place.words()
            );
            Ok((row(&kept), text))
        }
        Login::Forget { agent } => {
            engine.forget_log_in(&agent).await?;
            let text = format!(
                "Forgot the log-in of {agent}. Where it was put already it stays: agent-sandbox reset SANDBOX --wipe"
            );
            Ok((json!({ "forgot": agent }), text))
        }
    }
}

fn row(kept: &KeptLogIn) -> Value {
    json!({ "agent": kept.agent, "kept": kept.place, "since": kept.since, "from": kept.from })
}

fn line(kept: &KeptLogIn, printer: &Printer) -> String {
    let from = printer.name(kept.from.as_bytes());
    format!("{:<10}  {}, from {from}\n", kept.agent, kept.place.words())
}
