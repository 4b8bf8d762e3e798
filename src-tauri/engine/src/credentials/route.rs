//! From keys that are kept to what one sandbox's gateway adds, and to what its programs are told.

use std::collections::BTreeMap;

use sandbox_protocol::egress::PROXY_PORT;
use sandbox_protocol::routes::{Credential, PLACEHOLDER, ROUTE_PATH, Route, Routes, Upstream};

use super::providers::{OWN, Provider};
use super::{Kept, Server};
use crate::agents::Recipe;
use crate::state::activity::ActivityKind;
use crate::state::record::{NetworkMode, Record};
use crate::{Engine, Result};

impl Engine {
    /// Providers whose keys a sandbox uses if they are kept: its agent's, and those chosen for it.
    pub fn key_users(&self, record: &Record) -> Vec<String> {
        let recipes = self.recipes();
        let mut all: Vec<String> = recipes
            .find(&record.agent)
            .map(|recipe| recipe.keys.keys().cloned().collect())
            .unwrap_or_default();
        for chosen in &record.keys {
            if !all.contains(chosen) {
                all.push(chosen.clone());
            }
        }
        all
    }

    /// Those of them that are kept. None without a network: there is no gateway that could add one.
    pub fn keys_for(&self, record: &Record) -> Vec<Kept> {
        if record.network.mode == NetworkMode::Offline {
            return Vec::new();
        }
        let users = self.key_users(record);
        let mut kept = self.keys().unwrap_or_default();
        kept.retain(|one| users.contains(&one.provider));
        kept
    }

    /// Whether one of them is its agent's own: not one that was chosen for other programs in it.
    pub(crate) fn agent_has_key(&self, record: &Record) -> bool {
        let recipes = self.recipes();
        let recipe = recipes.find(&record.agent);
        let mut kept = self.keys_for(record).into_iter();
        kept.any(|kept| recipe.is_some_and(|recipe| recipe.keys.contains_key(&kept.provider)))
    }

    /// What a sandbox's gateway adds. Of a key that cannot be had now it goes on with what it has, and the activity
    /// says so.
    pub(crate) async fn routes_for(&self, record: &Record) -> Routes {
        let mut routes = Routes::default();
        for kept in self.keys_for(record) {
            if self.is_elsewhere(&kept) {
                routes.as_before.push(kept.provider);
                continue;
            }
            match self.route(&kept).await {
                Ok(Some(route)) => routes.list.push(route),
                Ok(None) => {
                    let why = "It is not where it was kept; give it again";
                    self.key_not_read(record, &kept, why.to_owned());
                }
                Err(error) => {
                    let why = format!(
                        "{error}. What the sandbox already had of it is used on; start the sandbox again once it can be read"
                    );
                    self.key_not_read(record, &kept, why);
                    routes.as_before.push(kept.provider);
                }
            }
        }
        routes
    }

    /// Of the keys that are kept, those that the gateway has already.
    pub(crate) fn routes_as_before(&self, record: &Record) -> Routes {
        let kept = self.keys_for(record).into_iter();
        Routes {
            list: Vec::new(),
            as_before: kept.map(|kept| kept.provider).collect(),
        }
    }

    fn key_not_read(&self, record: &Record, kept: &Kept, why: String) {
        let name = kept.provider().map_or("", |provider| provider.name);
        let what = format!("The key of {name} could not be read");
        self.note(&record.id, ActivityKind::Network, &what, why, None);
    }

    async fn route(&self, kept: &Kept) -> Result<Option<Route>> {
        let Some(provider) = kept.provider() else {
            return Ok(None);
        };
        let key = self.key_of(kept).await?;
        if key.is_none() && kept.place != super::Place::Nowhere {
            return Ok(None);
        }
        let (upstream, base) = match &kept.server {
            Some(text) => {
                let server = Server::parse(text)?;
                (server.upstream, server.base)
            }
            None => (
                Upstream {
                    host: provider.host.to_owned(),
                    port: 443,
                    tls: true,
                    by_computer: false,
                },
                provider.base.to_owned(),
            ),
        };
        Ok(Some(Route {
            id: kept.provider.clone(),
            upstream,
            base,
            paths: provider
                .paths
                .iter()
                .map(|path| (*path).to_owned())
                .collect(),
            credential: key.map(|key| Credential {
                header: provider.header.to_owned(),
                prefix: provider.prefix.to_owned(),
                key,
            }),
        }))
    }

    /// What programs in a sandbox are told of its keys: addresses and placeholders.
    pub fn key_environment(&self, record: &Record) -> Vec<(String, String)> {
        let recipes = self.recipes();
        environment(recipes.find(&record.agent), &self.keys_for(record))
    }
}

/// Fills in what stands in braces, for a variable: in one that is JSON the model's name stands within quotes.
pub(crate) fn filled(template: &str, kept: &Kept) -> String {
    let model = model(kept);
    let is_json = template.starts_with('{');
    filled_with(
        template,
        kept,
        &if is_json {
            escaped(model)
        } else {
            model.to_owned()
        },
    )
}

/// The same for a line of the shell: there the name stands within double quotes (JSON's or TOML's) that are within
/// single ones (the shell's).
pub(crate) fn filled_for_shell(template: &str, kept: &Kept) -> String {
    filled_with(template, kept, &escaped(model(kept)).replace('\'', r"'\''"))
}

fn model(kept: &Kept) -> &str {
    kept.model.as_deref().unwrap_or("default")
}

fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The model last: what a name holds is never filled in.
fn filled_with(template: &str, kept: &Kept, model: &str) -> String {
    let base = format!("http://127.0.0.1:{PROXY_PORT}{ROUTE_PATH}{}", kept.provider);
    template
        .replace("{base}", &base)
        .replace("{placeholder}", PLACEHOLDER)
        .replace("{model}", model)
}

/// A server of the user's own before the others: who states one means it.
pub(crate) fn by_rank(keys: &[Kept]) -> Vec<&Kept> {
    let (own, others): (Vec<&Kept>, Vec<&Kept>) =
        keys.iter().partition(|kept| kept.provider == OWN);
    own.into_iter().chain(others).collect()
}

pub(crate) fn environment(recipe: Option<&Recipe>, keys: &[Kept]) -> Vec<(String, String)> {
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    for kept in by_rank(keys) {
        let own = recipe.and_then(|recipe| recipe.keys.get(&kept.provider));
        let usual = kept
            .provider()
            .map_or(&[][..], |provider: &Provider| provider.env);
        let pairs: Vec<(&str, &str)> = match own {
            Some(own) if !own.env.is_empty() => own
                .env
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            _ => usual.to_vec(),
        };
        for (name, template) in pairs {
            let value = filled(template, kept);
            match env.get_mut(name) {
                Some(before) => *before = joined(before, &value),
                None => {
                    env.insert(name.to_owned(), value);
                }
            }
        }
    }
    env.into_iter().collect()
}

/// Two JSON objects become one; of anything else the first stays.
pub(crate) fn joined(first: &str, second: &str) -> String {
    use serde_json::Value;

    fn join(into: &mut Value, from: Value) {
        let (Value::Object(into), Value::Object(from)) = (into, from) else {
            return;
        };
        for (name, value) in from {
            match into.get_mut(&name) {
                Some(before) => join(before, value),
                None => {
                    into.insert(name, value);
                }
            }
        }
    }

    match (serde_json::from_str(first), serde_json::from_str(second)) {
        (Ok(mut one @ Value::Object(_)), Ok(other @ Value::Object(_))) => {
            join(&mut one, other);
            one.to_string()
        }
        _ => first.to_owned(),
    }
}

impl Engine {
    /// What an agent needs, in words, by the keys that are kept now.
    pub fn agent_needs(&self, recipe: &Recipe) -> String {
        let kept = self.keys().unwrap_or_default();
        let used: Vec<&str> = by_rank(&kept)
            .into_iter()
            .filter(|kept| recipe.keys.contains_key(&kept.provider))
            .filter_map(|kept| Some(kept.provider()?.name))
            .collect();
        match used.as_slice() {
            [] if recipe.keys.is_empty() => recipe.needs.clone(),
            [] => format!("{}: needs a log-in", recipe.needs),
            [one] => format!("Uses your {one} key"),
            several => format!("Uses your keys: {}", several.join(", ")),
        }
    }
}
