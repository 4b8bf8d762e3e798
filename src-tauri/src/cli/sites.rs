//! `sites`: what is approved or blocked in every sandbox.

use clap::Args;
use sandbox_engine::Engine;
use sandbox_engine::network::rules::NetworkChange;
use serde_json::{Value, json};

use super::mistake::Mistake;
use super::words::rule_line;

/// `sites`
#[derive(Debug, Args)]
pub struct Sites {
    /// Allow HOST[:PORT] in every sandbox with approved sites; repeatable
    #[arg(long, value_name = "HOST[:PORT]")]
    pub allow: Vec<String>,
    /// Block HOST in every sandbox; beats allow; repeatable
    #[arg(long, value_name = "HOST")]
    pub block: Vec<String>,
    /// Take a rule away again, from both lists; repeatable
    #[arg(long, value_name = "HOST[:PORT]")]
    pub forget: Vec<String>,
}

/// Runs it; gives the document and its text.
pub async fn run(engine: &Engine, wanted: Sites) -> Result<(Value, String), Mistake> {
    let change = NetworkChange {
        allow: wanted.allow,
        block: wanted.block,
        forget: wanted.forget,
        ..NetworkChange::default()
    };
    let sites = if change == NetworkChange::default() {
        engine.sites_for_all()?
    } else {
        engine.set_sites_for_all(&change).await?
    };
    let lines = |verb: &str, rules: &[String]| -> String {
        rules.iter().map(|rule| rule_line(verb, rule)).collect()
    };
    let mut text = lines("allow", &sites.allow) + &lines("block", &sites.block);
    if text.is_empty() {
        text.push_str("No site is approved or blocked in every sandbox");
    }
    Ok((json!({ "allow": sites.allow, "block": sites.block }), text))
}
