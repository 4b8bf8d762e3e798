//! `proxy`: the proxy of this computer's network, for the gateways of all sandboxes.

use clap::Args;
use sandbox_engine::Engine;
use sandbox_engine::network::upstream::{NoProxy, UpstreamProxy};
use sandbox_engine::sandbox::Offered;
use serde_json::{Value, json};

use super::mistake::Mistake;

/// `proxy`
#[derive(Debug, Args)]
pub struct Proxy {
    /// Go by this proxy: http://HOST:PORT
    #[arg(long, value_name = "URL", group = "change")]
    pub set: Option<String>,
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
    if let Some(proxy) = chosen(wanted, &offered)? {
        engine.set_upstream_proxy(proxy).await?;
    }
    let used = engine.settings()?.upstream_proxy;
    let mut text = match &used {
        Some(proxy) => format!(
            "Gateways go by {proxy}. Your rules about sites stay; which addresses a name leads to is that proxy's to check\n"
        ),
        None => "Gateways go straight out\n".to_owned(),
    };
    match &offered {
        Offered::Proxy(proxy) if used.as_ref() != Some(proxy) => {
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
        Offered::Proxy(proxy) => Some(proxy.to_string()),
        _ => None,
    };
    let document = json!({ "proxy": used.map(|proxy| proxy.to_string()), "offered": offered });
    Ok((document, text))
}

/// What is to be used from now on; `None`: nothing is changed.
fn chosen(wanted: Proxy, offered: &Offered) -> Result<Option<Option<UpstreamProxy>>, Mistake> {
    if wanted.clear {
        return Ok(Some(None));
    }
    let wrong = |why: NoProxy| Mistake::Use(why.to_string());
    if let Some(text) = wanted.set {
        return text.parse().map(|proxy| Some(Some(proxy))).map_err(wrong);
    }
    if !wanted.take {
        return Ok(None);
    }
    match offered {
        Offered::Proxy(proxy) => Ok(Some(Some(proxy.clone()))),
        Offered::Unusable(why) => Err(Mistake::failed(why.to_string())),
        Offered::Nothing => Err(Mistake::failed(
            "this computer names no proxy: HTTPS_PROXY is not set".to_owned(),
        )),
    }
}
