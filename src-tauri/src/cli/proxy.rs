//! `proxy`: the proxy of this computer's network, for the gateways of all sandboxes.

use clap::Args;
use sandbox_engine::Engine;
use sandbox_engine::network::upstream::{NoProxy, ProxyLogIn, UpstreamProxy};
use sandbox_engine::sandbox::Offered;
use serde_json::{Value, json};

use super::keys::{self, Keep};
use super::mistake::Mistake;

/// `proxy`
#[derive(Debug, Args)]
pub struct Proxy {
    /// Go by this proxy: http://HOST:PORT; one on localhost is reached through this app
    #[arg(long, value_name = "URL", group = "change")]
    pub set: Option<String>,
    /// The name that the proxy wants; its password is typed, or read from standard input
    #[arg(long, value_name = "NAME", requires = "set")]
    pub user: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "user")]
    pub from_stdin: bool,
    /// Where the password is kept
    #[arg(long, value_enum, default_value = "keychain")]
    pub keep: Keep,
    /// Go by the proxy that this computer's HTTPS_PROXY names
    #[arg(long, group = "change")]
    pub take: bool,
    /// Go straight out again
    #[arg(long, group = "change")]
    pub clear: bool,
}

/// Runs it; gives the document and its text.
pub async fn run(engine: &Engine, wanted: Proxy) -> Result<(Value, String), Mistake> {
    let offered = engine.offered_proxy();
    let place = wanted.keep.place();
    if let Some((proxy, log_in)) = chosen(wanted, &offered)? {
        let log_in = log_in.map(|log_in| (log_in, place));
        let set = engine.set_upstream_proxy(proxy, log_in).await;
        set.map_err(keys::or_in_a_file)?;
    }
    let settings = engine.settings()?;
    let (used, user) = (settings.upstream_proxy, settings.upstream_user);
    let mut text = match &used {
        Some(proxy) => format!(
            "Gateways go by {proxy}. Your rules about sites stay; which addresses a name leads to is that proxy's to check\n"
        ),
        None => "Gateways go straight out\n".to_owned(),
    };
    if let Some(user) = &user {
        text += &format!(
            "It is shown the name {:?}; the password is kept {}. Sandboxes never see it\n",
            user.name,
            user.kept.words()
        );
    }
    if used.as_ref().is_some_and(UpstreamProxy::is_here) {
        text +=
            "It is on this computer: sandboxes reach it while the window, exec or shell is open\n";
    }
    match &offered {
        Offered::Proxy(proxy, _) if used.as_ref() != Some(proxy) => {
            text += &format!(
                "This computer names the proxy {proxy}. Take it: agent-sandbox proxy --take\n"
            );
        }
        Offered::Unusable(why) => {
            text += &format!("This computer names a proxy that is not used: {why}\n");
        }
        _ => {}
    }
    let offered = match offered {
        Offered::Proxy(proxy, _) => Some(proxy.to_string()),
        _ => None,
    };
    let document = json!({
        "proxy": used.map(|proxy| proxy.to_string()),
        "user": user.as_ref().map(|user| &user.name),
        "password": user.as_ref().map(|user| user.kept),
        "offered": offered,
    });
    Ok((document, text))
}

/// A proxy, or none, and whom it is shown.
type Chosen = (Option<UpstreamProxy>, Option<ProxyLogIn>);

/// What is to be used from now on; `None`: nothing is changed.
fn chosen(wanted: Proxy, offered: &Offered) -> Result<Option<Chosen>, Mistake> {
    if wanted.clear {
        return Ok(Some((None, None)));
    }
    let wrong = |why: NoProxy| Mistake::Use(why.to_string());
    if let Some(text) = wanted.set {
        let proxy: UpstreamProxy = text.parse().map_err(wrong)?;
        let log_in = match &wanted.user {
            None => None,
            Some(name) => {
                let what = format!("Password of {name:?} for the proxy");
                let password = keys::read_secret(&what, "password", wanted.from_stdin)?;
                Some(ProxyLogIn::new(name, password).map_err(wrong)?)
            }
        };
        return Ok(Some((Some(proxy), log_in)));
    }
    if !wanted.take {
        return Ok(None);
    }
    match offered {
        Offered::Proxy(proxy, log_in) => Ok(Some((Some(proxy.clone()), log_in.clone()))),
        Offered::Unusable(why) => Err(Mistake::failed(why.to_string())),
        Offered::Nothing => Err(Mistake::failed(
            "this computer names no proxy: HTTPS_PROXY is not set".to_owned(),
        )),
    }
}
