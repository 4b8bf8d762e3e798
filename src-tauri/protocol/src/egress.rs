//! What the engine and a gateway say to each other: the policy one way, questions and decisions the other.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::frame::put;
use crate::policy::{Authority, Policy, Reason};
use crate::routes::{Routes, Secret};
use crate::{Decoder, FrameError, Hello, MAX_FRAME};

/// The abstract Unix socket that `guest egress` listens on for the engine. It belongs to the gateway's own
/// network namespace, which no sandbox shares.
pub const GATEWAY_SOCKET: &str = "agent-sandbox-gateway";
/// The folder that sandbox and gateway share; the sandbox cannot write in it.
pub const RELAY_FOLDER: &str = "/run/agent-sandbox";
/// The gateway's socket in it.
pub const RELAY_SOCKET: &str = "/run/agent-sandbox/egress.sock";
/// Where `guest init` listens on the sandbox's loopback.
pub const PROXY_PORT: u16 = 3128;
/// The name by which a gateway knows the user's own computer. It is never looked up: only ports that the user
/// opened lead there, through the engine.
pub const LOCAL_HOST: &str = "host.sandbox";
/// Where `guest init` finds the ports of those services: numbers between commas.
pub const SERVICES_VARIABLE: &str = "AGENT_SANDBOX_SERVICES";
/// A name that every grant blocks. The self-test asks for it and expects a no; nothing below `invalid` leads
/// anywhere (RFC 6761).
pub const BLOCKED_HOST: &str = "fence-test.invalid";
/// The self-test's questions carry this header: a connection that does is tried, carries nothing and asks nobody.
/// Whoever sends it: it has no secret. On what is not in [`Grant::tests`] it is worth nothing.
pub const SELF_TEST_MARK: (&str, &str) = ("X-Agent-Sandbox", "self-test");
/// A gateway's own refusals carry this header,
pub const REFUSED_MARK: &str = "X-Agent-Sandbox: refused";
/// and this one where the rules let it through and it failed behind them.
pub const PASSED_MARK: &str = "X-Agent-Sandbox-Rules: passed";
/// How long a connection waits for the user's answer, in seconds.
pub const PATIENCE: u64 = 60;
/// Decisions that a gateway keeps for the next connection of the engine.
pub const KEPT_DECISIONS: usize = 10_000;

/// A range of addresses: `address/bits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Any address of it.
    pub address: IpAddr,
    /// Leading bits that all of its addresses share.
    pub bits: u8,
}

impl Subnet {
    /// Reads `address/bits`, or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let most = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// One address.
    pub fn one(address: IpAddr) -> Self {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        Self { address, bits }
    }

    /// Whether it has an address in common with another.
    pub fn overlaps(&self, other: &Self) -> bool {
        match self.bits <= other.bits {
            true => self.contains(other.address),
            false => other.contains(self.address),
        }
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let shift = width - u32::from(self.bits).min(width);
            a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
        };
        match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
            _ => false,
        }
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// All that a gateway decides by. The default one denies everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The rules.
    pub policy: Policy,
    /// Addresses refused beside those that are not public: this computer's, its neighbours', the engine's.
    #[serde(default)]
    pub refused: Vec<Subnet>,
    /// Ports of the user's own computer that the user opened.
    #[serde(default)]
    pub services: Vec<u16>,
    /// The proxy that the network of the computer makes everybody use. The rules about names stay; looking a
    /// name up, and what its address is, are then that proxy's.
    #[serde(default)]
    pub upstream: Option<UpstreamProxy>,
    /// All that the self-test asks this gateway for: only there its mark counts, or a program could hide under it what
    /// it tried.
    #[serde(default)]
    pub tests: Vec<Authority>,
}

/// A proxy behind the gateway, which is asked for a tunnel by CONNECT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamProxy {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// On the user's own computer, which no gateway reaches by itself: the engine connects.
    #[serde(default)]
    pub by_computer: bool,
    /// What it is shown, behind `Basic `: `NAME:PASSWORD` in base64.
    #[serde(default)]
    pub log_in: Option<Secret>,
}

impl Grant {
    /// Reads what was handed over; anything unreadable denies all.
    pub fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    /// Whether it can be handed over at all: a frame is bounded.
    pub fn fits(&self) -> bool {
        serde_json::to_vec(self).is_ok_and(|bytes| bytes.len() < MAX_FRAME - 16)
    }
}

/// The user's answer about one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Until the gateway ends, a rule decides, or the sandbox goes offline.
    Once,
    /// A rule follows.
    Always,
    /// Likewise.
    Block,
}

/// A host that nobody decided about, while its connections wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Its number in this gateway.
    pub id: u64,
    /// The name that is asked for.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What the program calls itself: a claim from inside, shown as such.
    pub claim: Option<String>,
}

/// What was decided about a connection, or about several alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Its number in this gateway, from 1.
    pub number: u64,
    /// Milliseconds since 1970, by the gateway's clock.
    pub time: i64,
    /// Name or address as it was asked for.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `CONNECT`, or the plain request's method.
    pub method: String,
    /// Why it was refused; absent: it was let through.
    pub refused: Option<Refusal>,
    /// Bytes from the sandbox.
    pub sent: u64,
    /// Bytes to the sandbox.
    pub received: u64,
    /// How many connections alike this stands for.
    pub count: u32,
}

/// Why a connection did not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// By the rules.
    Policy(Reason),
    /// Nobody approved it, and nobody was there to ask, or nobody answered.
    Unapproved,
    /// The user said no.
    User,
    /// With a key, for something else than its model.
    BesideModel,
    /// The name leads to an address that is not public.
    LeadsInside,
    /// The TLS greeting is missing, or names another host.
    Greeting,
    /// The name has no address.
    NoName,
    /// The host does not answer.
    Unreachable,
    /// The proxy of the computer's network is not reached.
    NoUpstream,
    /// The proxy of the computer's network said no.
    UpstreamSaidNo,
    /// It wants a name and password, and none are kept.
    UpstreamWantsLogIn,
    /// It does not take the name and password that are kept.
    UpstreamRefusedLogIn,
}

impl Refusal {
    /// Whether the rules let it through, and it failed behind them.
    pub fn passed_rules(self) -> bool {
        !matches!(
            self,
            Self::Policy(_) | Self::Unapproved | Self::User | Self::BesideModel
        )
    }
}

/// Engine to gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToGateway {
    /// First.
    Hello(Hello),
    /// From now on decide by this. Open connections that it would refuse are cut.
    Grant(Grant),
    /// A piece of the certificates that the next [`Self::Routes`] is checked against: PEM.
    Trust(Vec<u8>),
    /// From now on these keys are added, and no others.
    Routes(Routes),
    /// Tell decisions after this number; with `asks`, also ask about unknown hosts.
    Attend {
        /// The last one that is known.
        since: u64,
        /// Somebody is there to answer.
        asks: bool,
    },
    /// What the user said.
    Answer {
        /// The question.
        ask: u64,
        /// The answer.
        answer: Answer,
    },
}

/// Gateway to engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromGateway {
    /// First.
    Hello(Hello),
    /// A [`Grant`] is in force.
    Granted,
    /// Something was decided.
    Decided(Decided),
    /// A host is asked for.
    Ask(Ask),
    /// The question needs no answer any more.
    AskEnded(u64),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
enum Up {
    Attend { since: u64, asks: bool },
    Answer { ask: u64, answer: Answer },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
enum Down {
    Granted,
    Decided(Decided),
    Ask(Ask),
    AskEnded { ask: u64 },
}

const HELLO: u8 = 1;
const GRANT: u8 = 16;
const UP: u8 = 17;
const ROUTES: u8 = 18;
const TRUST: u8 = 19;
const DOWN: u8 = 80;

impl ToGateway {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello(hello) => put_json(out, HELLO, hello),
            Self::Grant(grant) => put_json(out, GRANT, grant),
            Self::Trust(piece) => put(out, TRUST, &[piece]),
            Self::Routes(routes) => put_json(out, ROUTES, routes),
            Self::Attend { since, asks } => put_json(
                out,
                UP,
                &Up::Attend {
                    since: *since,
                    asks: *asks,
                },
            ),
            Self::Answer { ask, answer } => put_json(
                out,
                UP,
                &Up::Answer {
                    ask: *ask,
                    answer: *answer,
                },
            ),
        }
    }

    /// The next whole message. A grant that does not read is one that denies all.
    pub fn decode(from: &mut Decoder) -> Result<Option<Self>, FrameError> {
        let Some((kind, payload)) = from.frame()? else {
            return Ok(None);
        };
        Ok(Some(match kind {
            HELLO => Self::Hello(json(kind, payload)?),
            GRANT => Self::Grant(Grant::read(payload)),
            TRUST => Self::Trust(payload.to_vec()),
            ROUTES => Self::Routes(Routes::read(payload)),
            UP => match json(kind, payload)? {
                Up::Attend { since, asks } => Self::Attend { since, asks },
                Up::Answer { ask, answer } => Self::Answer { ask, answer },
            },
            other => return Err(FrameError::Kind(other)),
        }))
    }
}

impl FromGateway {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let down = match self {
            Self::Hello(hello) => return put_json(out, HELLO, hello),
            Self::Granted => Down::Granted,
            Self::Decided(decided) => Down::Decided(decided.clone()),
            Self::Ask(ask) => Down::Ask(ask.clone()),
            Self::AskEnded(ask) => Down::AskEnded { ask: *ask },
        };
        put_json(out, DOWN, &down);
    }

    /// The next whole message.
    pub fn decode(from: &mut Decoder) -> Result<Option<Self>, FrameError> {
        let Some((kind, payload)) = from.frame()? else {
            return Ok(None);
        };
        Ok(Some(match kind {
            HELLO => Self::Hello(json(kind, payload)?),
            DOWN => match json(kind, payload)? {
                Down::Granted => Self::Granted,
                Down::Decided(decided) => Self::Decided(decided),
                Down::Ask(ask) => Self::Ask(ask),
                Down::AskEnded { ask } => Self::AskEnded(ask),
            },
            other => return Err(FrameError::Kind(other)),
        }))
    }
}

fn put_json(out: &mut Vec<u8>, kind: u8, value: &impl Serialize) {
    // Our own plain structs always serialise.
    let text = Zeroizing::new(serde_json::to_vec(value).unwrap_or_default());
    put(out, kind, &[&text]);
}

fn json<T: serde::de::DeserializeOwned>(kind: u8, payload: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(payload).map_err(|error| FrameError::Json {
        kind,
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests;
