//! What a probe's words mean: only what is known to be closed is closed.

use serde::Deserialize;

/// One thing that was tried through the fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it would have reached, in words.
    pub what: String,
    /// The address or name that was tried.
    pub tried: String,
    /// What happened, in words.
    pub happened: String,
    /// Whether that is as it must be: there is no way there, or, to an approved site, the gateway is the way.
    pub closed: bool,
    /// Whether it says nothing either way: the word that was waited for did not come in time.
    pub unclear: bool,
}

/// All that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// In the order of trying.
    pub findings: Vec<Finding>,
}

impl Fence {
    /// Whether everything was tried and nothing was reached.
    pub fn is_closed(&self) -> bool {
        !self.findings.is_empty() && self.findings.iter().all(|finding| finding.closed)
    }

    /// Whether it is not proven closed, and nothing that was found says that it is open.
    pub fn is_unclear(&self) -> bool {
        let mut open = self.findings.iter().filter(|finding| !finding.closed);
        !self.is_closed() && !self.findings.is_empty() && open.all(|finding| finding.unclear)
    }

    /// What was reached, in words; empty when closed.
    pub fn open(&self) -> Vec<String> {
        self.findings
            .iter()
            .filter(|finding| !finding.closed)
            .map(|f| format!("{} ({}): {}", f.what, f.tried, f.happened))
            .collect()
    }
}

impl Fence {
    /// Whether nothing is wrong but that the gateway's socket is not reached from within.
    pub fn lacks_only_the_gateway(&self) -> bool {
        let mut open = self.findings.iter().filter(|finding| !finding.closed);
        !self.findings.is_empty()
            && !self.is_closed()
            && open.all(|finding| finding.happened == NO_GATEWAY)
    }
}

const NO_GATEWAY: &str = "its socket was not reached";

/// Whether a target's outcome means closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Of this computer's: not there, or not to be looked at.
    File,
    /// Elsewhere: only "no way there" is closed; even a refusal came back from outside.
    Outside,
    /// Likewise, where not even being able to ask is closed too.
    Ping,
    /// On the sandbox's own loopback: only an answer is open.
    Inside,
    /// A name must not be found.
    Name,
    /// No interface but loopback.
    Links,
    /// The gateway must be there and must say no.
    Gateway,
    /// The gateway must be there and must not say no. What is behind it may be away: that opens nothing.
    Approved,
}

#[derive(Clone)]
pub(super) struct Target {
    pub what: &'static str,
    pub argument: String,
    pub meaning: Meaning,
}

#[derive(Deserialize)]
struct Line {
    target: String,
    outcome: String,
    detail: String,
}

pub(super) fn judge(targets: &[Target], printed: &[u8]) -> Fence {
    let lines: Vec<Line> = String::from_utf8_lossy(printed)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let findings = targets
        .iter()
        .map(|target| {
            let line = lines.iter().find(|line| line.target == target.argument);
            let (outcome, detail) = line.map_or(("unknown", "no answer from the probe"), |line| {
                (line.outcome.as_str(), line.detail.as_str())
            });
            Finding {
                what: target.what.to_owned(),
                tried: target.argument.clone(),
                happened: target.meaning.words(outcome, detail),
                closed: target.meaning.is_closed(outcome, detail),
                unclear: line.is_none() || target.meaning.is_unclear(outcome),
            }
        })
        .collect();
    Fence { findings }
}

impl Meaning {
    fn is_closed(self, outcome: &str, detail: &str) -> bool {
        match self {
            Self::File => matches!(outcome, "missing" | "denied"),
            Self::Outside => outcome == "no-way",
            Self::Ping => matches!(outcome, "no-way" | "no-socket"),
            Self::Inside => matches!(outcome, "no-way" | "refused" | "silent"),
            Self::Name => outcome == "no-name",
            Self::Gateway => matches!(outcome, "said-no" | "leads-inside"),
            Self::Approved => {
                matches!(
                    outcome,
                    "let-through" | "passed" | "leads-inside" | "silent"
                )
            }
            Self::Links => outcome == "links" && detail == "lo",
        }
    }

    /// A gateway that did not come to answer: no way past it was found.
    fn is_unclear(self, outcome: &str) -> bool {
        let asked = matches!(self, Self::Gateway | Self::Approved);
        asked && matches!(outcome, "silent" | "no-gateway")
    }

    fn words(self, outcome: &str, detail: &str) -> String {
        match (self, outcome) {
            (Self::Approved, "let-through") => "it was reached".to_owned(),
            (Self::Approved, "passed") => {
                "the gateway let it through, and the site was not reached: this computer may be offline".to_owned()
            }
            (Self::Approved, "leads-inside") => {
                "the gateway let it through, and its name leads to an address on your own network: a page to log in may stand there".to_owned()
            }
            (Self::Approved, "silent") => {
                "the gateway did not say no, and the site did not answer in time: this computer may be offline".to_owned()
            }
            _ => words(outcome, detail),
        }
    }
}

fn words(outcome: &str, detail: &str) -> String {
    match outcome {
        "missing" => "it is not there".to_owned(),
        "denied" => "it may not look there".to_owned(),
        "seen" => "it was seen".to_owned(),
        "no-way" => "there is no way there".to_owned(),
        "no-socket" => "it cannot send any".to_owned(),
        "no-name" => "the name is not found".to_owned(),
        "no-gateway" => NO_GATEWAY.to_owned(),
        "said-no" | "leads-inside" => "the gateway said no".to_owned(),
        "refused" => "refused by what is there".to_owned(),
        "silent" => "nothing came back in time".to_owned(),
        "links" if detail == "lo" => "only its own loopback".to_owned(),
        "links" => format!("it has {}", detail.escape_default()),
        _ => format!("{outcome}: {}", detail.escape_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> Vec<Target> {
        vec![
            Target {
                what: "links",
                argument: "links".into(),
                meaning: Meaning::Links,
            },
            Target {
                what: "out",
                argument: "tcp:1.1.1.1:443".into(),
                meaning: Meaning::Outside,
            },
        ]
    }

    fn printed(links: &str, tcp: &str) -> Vec<u8> {
        format!(
            "{{\"target\":\"links\",\"outcome\":\"links\",\"detail\":\"{links}\"}}\n\
             {{\"target\":\"tcp:1.1.1.1:443\",\"outcome\":\"{tcp}\",\"detail\":\"\"}}\n"
        )
        .into_bytes()
    }

    fn line(target: &str, outcome: &str) -> String {
        format!("{{\"target\":\"{target}\",\"outcome\":\"{outcome}\",\"detail\":\"\"}}\n")
    }

    /// What one target's outcome means.
    fn judged(target: &Target, outcome: &str) -> Fence {
        let line = line(&target.argument, outcome);
        judge(std::slice::from_ref(target), line.as_bytes())
    }

    #[test]
    fn only_what_is_known_to_be_closed_is_closed() {
        assert!(judge(&targets(), &printed("lo", "no-way")).is_closed());
        for outcome in [
            "answered",
            "refused",
            "silent",
            "forbidden",
            "unknown",
            "new-word",
        ] {
            let fence = judge(&targets(), &printed("lo", outcome));
            assert!(!fence.is_closed(), "{outcome}");
            assert_eq!(fence.open().len(), 1, "{outcome}");
        }
        assert!(!judge(&targets(), &printed("lo eth0", "no-way")).is_closed());
    }

    #[test]
    fn a_file_that_is_seen_or_is_not_told_of_is_no_closed_fence() {
        let target = Target {
            what: "the user's home folder",
            argument: "file:/home/mira".into(),
            meaning: Meaning::File,
        };
        let is_closed = |outcome: &str| judged(&target, outcome).is_closed();
        assert!(is_closed("missing") && is_closed("denied"));
        for open in ["seen", "failed", "unknown", "no-way"] {
            assert!(!is_closed(open), "{open}");
        }
    }

    #[test]
    fn a_gateway_that_is_not_reached_is_told_from_a_fence_that_is_open() {
        let targets = [
            targets(),
            vec![Target {
                what: "metadata",
                argument: "proxy:169.254.169.254:443".into(),
                meaning: Meaning::Gateway,
            }],
        ]
        .concat();
        let printed = |tcp: &str, proxy: &str| {
            let line = line("proxy:169.254.169.254:443", proxy);
            [printed("lo", tcp), line.into_bytes()].concat()
        };
        let judged = |tcp: &str, proxy: &str| {
            let fence = judge(&targets, &printed(tcp, proxy));
            (fence.is_closed(), fence.lacks_only_the_gateway())
        };
        let is_unclear =
            |tcp: &str, proxy: &str| judge(&targets, &printed(tcp, proxy)).is_unclear();
        // It was too busy, or is away: nothing says that there is a way out,
        assert!(is_unclear("no-way", "silent") && is_unclear("no-way", "no-gateway"));
        // but this does: somebody was reached, or a packet left and is not answered.
        for (tcp, proxy) in [
            ("answered", "silent"),
            ("silent", "silent"),
            ("no-way", "let-through"),
            ("no-way", "passed"),
            ("no-way", "gateway"),
            ("no-way", "said-no"),
        ] {
            assert!(!is_unclear(tcp, proxy), "{tcp} {proxy}");
        }
        assert!(judge(&targets, b"").is_unclear() && !judge(&[], b"").is_unclear());
        assert_eq!(judged("no-way", "said-no"), (true, false));
        // By the address and not by the rules, as in an open sandbox.
        assert_eq!(judged("no-way", "leads-inside"), (true, false));
        // It was dialled.
        assert_eq!(judged("no-way", "passed"), (false, false));
        assert_eq!(judged("no-way", "no-gateway"), (false, true));
        assert_eq!(judged("answered", "no-gateway"), (false, false));
        assert_eq!(judged("no-way", "gateway"), (false, false));
        assert!(!judge(&[], b"").lacks_only_the_gateway());
    }

    #[test]
    fn an_approved_site_that_is_away_is_told_from_one_that_the_gateway_refuses() {
        let target = Target {
            what: "an approved site",
            argument: "allowed:a.org:443".into(),
            meaning: Meaning::Approved,
        };
        let judged = |outcome: &str| {
            let fence = judged(&target, outcome);
            (fence.is_closed(), fence.findings[0].happened.clone())
        };
        assert_eq!(judged("let-through"), (true, "it was reached".to_owned()));
        for away in ["passed", "silent"] {
            let (closed, words) = judged(away);
            assert!(closed && words.contains("offline"), "{away}: {words}");
        }
        let (closed, words) = judged("leads-inside");
        assert!(closed && words.contains("a page to log in"), "{words}");
        for wrong in [
            "said-no",
            "no-gateway",
            "gateway",
            "refused",
            "no-way",
            "unknown",
        ] {
            let (closed, words) = judged(wrong);
            assert!(!closed && !words.contains("offline"), "{wrong}: {words}");
        }
    }

    #[test]
    fn a_probe_that_says_nothing_proves_nothing() {
        assert!(!judge(&targets(), b"").is_closed());
        assert!(!judge(&targets(), b"not json\n").is_closed());
        assert!(!judge(&[], b"").is_closed());
    }
}
