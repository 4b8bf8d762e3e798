//! What an agent does, told by its terminal: it works, waits for its user, is idle, or has finished.
//!
//! What comes from the terminal was written by the agent: a claim that is shown, and that decides nothing.

use std::time::{Duration, Instant};

use sandbox_protocol::TerminalState;
use serde::Deserialize;

/// How an agent tells it, beside the bell and notices (OSC 9, OSC 777), which every agent may use. Its recipe's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signs {
    /// Its terminal's title begins with one of these while it works.
    pub working: Vec<String>,
    /// And with one of these while it can be typed to. It waits where it had worked before.
    pub waiting: Vec<String>,
    /// It also waits where it printed for a while, and then nothing for so many seconds. 0: that says nothing.
    pub quiet_seconds: u64,
}

/// What a program in a terminal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// As far as can be told.
    Working,
    /// For its user: it called since they last typed. Agents only.
    Waiting,
    /// Neither.
    Idle,
    /// It ended with this status.
    Finished(i32),
}

/// Output that lasts no longer is an answer to a key, not work.
const SPELL: Duration = Duration::from_secs(4);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Works,
    Waits,
}

impl Signs {
    /// `None`: nothing that is known.
    fn claim(&self, title: Option<&str>) -> Option<Claim> {
        let title = title?.trim_start();
        let one_of = |list: &[String]| list.iter().any(|sign| title.starts_with(sign.as_str()));
        match (one_of(&self.working), one_of(&self.waiting)) {
            (true, _) => Some(Claim::Works),
            (_, true) => Some(Claim::Waits),
            _ => None,
        }
    }

    fn quiet(&self) -> Option<Duration> {
        (self.quiet_seconds > 0).then(|| Duration::from_secs(self.quiet_seconds))
    }
}

/// Why it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// It said so.
    Said,
    /// It fell quiet. More output takes that back.
    Quiet,
}

/// What one terminal told so far.
#[derive(Debug, Clone)]
pub struct Watched {
    claim: Option<Claim>,
    /// Bells and notices.
    rang: u32,
    printing: bool,
    printing_since: Instant,
    quiet_since: Option<Instant>,
    call: Option<Call>,
}

impl Watched {
    /// A terminal that was just opened.
    pub fn new(now: Instant) -> Self {
        Self {
            claim: None,
            rang: 0,
            printing: false,
            printing_since: now,
            quiet_since: None,
            call: None,
        }
    }

    /// One that was there before anybody looked: where it could be waiting it is.
    pub fn found(signs: &Signs, state: &TerminalState, now: Instant) -> Self {
        let mut watched = Self::new(now);
        watched.claim = Some(Claim::Works);
        watched.see(signs, state, now);
        watched
    }

    /// Its state changed.
    pub fn see(&mut self, signs: &Signs, state: &TerminalState, now: Instant) {
        let claim = signs.claim(state.title.as_deref());
        let rang = state.bells.saturating_add(state.notices);
        let has_worked = self.claim == Some(Claim::Works);
        if rang > self.rang || (has_worked && claim == Some(Claim::Waits)) {
            self.call = Some(Call::Said);
        } else if claim == Some(Claim::Works) {
            self.call = None;
        }
        (self.claim, self.rang) = (claim, rang);

        match (self.printing, state.working) {
            (false, true) => {
                self.printing_since = now;
                self.quiet_since = None;
                self.call = self.call.filter(|call| *call != Call::Quiet);
            }
            (true, false) => {
                let worked = now.saturating_duration_since(self.printing_since) >= SPELL;
                self.quiet_since = worked.then_some(now);
            }
            _ => {}
        }
        self.printing = state.working;
    }

    /// Its user typed.
    pub fn typed(&mut self) {
        self.call = None;
        self.quiet_since = None;
    }

    /// When [`Self::look`] may find that it has been quiet for long enough; `None`: not as it is.
    pub fn quiet_at(&self, signs: &Signs) -> Option<Instant> {
        let waits = self.call.is_none();
        self.quiet_since
            .filter(|_| waits)
            .zip(signs.quiet())
            .map(|(since, quiet)| since + quiet)
    }

    /// Time passed. True where it waits from now on.
    pub fn look(&mut self, signs: &Signs, now: Instant) -> bool {
        let due = self.quiet_at(signs).is_some_and(|at| at <= now);
        if due {
            self.call = Some(Call::Quiet);
        }
        due
    }

    /// What it does.
    pub fn doing(&self, state: &TerminalState) -> Doing {
        if let Some(exit) = state.exit {
            return Doing::Finished(exit);
        }
        match self.claim {
            Some(Claim::Works) => Doing::Working,
            _ if state.agent && self.call.is_some() => Doing::Waiting,
            Some(Claim::Waits) => Doing::Idle,
            None if state.working => Doing::Working,
            None => Doing::Idle,
        }
    }
}

/// Whether a person typed: what a terminal sends by itself (where the focus is, the mouse, the cursor) is not it.
pub fn is_typed(mut input: &[u8]) -> bool {
    while let Some(rest) = input.strip_prefix(b"\x1b[") {
        // The old way of the mouse: three bytes behind it.
        if let Some(mouse) = rest.strip_prefix(b"M") {
            input = mouse.get(3..).unwrap_or_default();
            continue;
        }
        let Some(end) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
            return true;
        };
        let (parameters, last) = (&rest[..end], rest[end]);
        let by_itself = match last {
            b'I' | b'O' => parameters.is_empty(),
            b'M' | b'm' => parameters.starts_with(b"<"),
            b'R' => parameters.contains(&b';'),
            b'c' | b'n' | b'y' | b't' => true,
            _ => false,
        };
        if !by_itself {
            return true;
        }
        input = &rest[end + 1..];
    }
    !input.is_empty()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::agents::built_in;

    fn state(title: &str, working: bool, bells: u32) -> TerminalState {
        TerminalState {
            id: 1,
            name: "Agent".to_owned(),
            title: (!title.is_empty()).then(|| title.to_owned()),
            cols: 80,
            rows: 24,
            exit: None,
            working,
            bells,
            notices: 0,
            notice: None,
            agent: true,
            full_screen: false,
        }
    }

    fn signs(agent: &str) -> Signs {
        let recipe = built_in().iter().find(|recipe| recipe.id == agent);
        recipe.unwrap().signs.clone()
    }

    /// One turn as each agent was seen to tell it: title, whether it prints, bells so far, what it does then.
    #[test]
    fn each_agent_is_understood_in_its_own_way() {
        use Doing::{Idle, Waiting, Working};
        type Step = (&'static str, bool, u32, Doing);
        let turns: [(&str, &[Step]); 6] = [
            (
                "claude",
                &[
                    ("", true, 0, Working),
                    ("\u{2733} Claude Code", true, 0, Idle),
                    ("\u{25d0} Claude Code", true, 0, Working),
                    ("\u{25d0} Claude Code", false, 0, Working),
                    ("\u{2733} Claude Code", true, 0, Waiting),
                    ("\u{2733} Claude Code", false, 1, Waiting),
                ],
            ),
            (
                "codex",
                &[
                    ("workspace", false, 0, Idle),
                    ("\u{2819} workspace", true, 0, Working),
                    ("workspace", false, 0, Idle),
                    ("\u{280b} workspace", false, 0, Working),
                    ("workspace", true, 1, Waiting),
                ],
            ),
            (
                "gemini",
                &[
                    ("\u{25c7}  Ready (workspace)", true, 0, Idle),
                    ("\u{2726}  Working\u{2026} (workspace)", true, 0, Working),
                    ("\u{270b}  Action Required (workspace)", true, 0, Waiting),
                    ("\u{2726}  Working\u{2026} (workspace)", true, 0, Working),
                    ("\u{25c7}  Ready (workspace)", true, 0, Waiting),
                ],
            ),
            (
                "opencode",
                &[
                    ("OpenCode", false, 0, Idle),
                    ("OpenCode", true, 0, Working),
                    ("OC | Finished.", true, 1, Waiting),
                    ("OC | Finished.", false, 1, Waiting),
                ],
            ),
            (
                "aider",
                &[
                    ("", true, 0, Working),
                    ("", false, 0, Idle),
                    ("", true, 0, Working),
                    ("", true, 1, Waiting),
                ],
            ),
            (
                "own",
                &[
                    ("", true, 0, Working),
                    ("", false, 0, Idle),
                    ("", false, 1, Waiting),
                ],
            ),
        ];
        for (agent, steps) in turns {
            let (signs, now) = (signs(agent), Instant::now());
            let mut watched = Watched::new(now);
            for (at, (title, working, bells, doing)) in steps.iter().enumerate() {
                let state = state(title, *working, *bells);
                watched.see(&signs, &state, now);
                assert_eq!(watched.doing(&state), *doing, "{agent}, step {at}");
            }
            let last = state(steps.last().unwrap().0, false, steps.last().unwrap().2);
            watched.typed();
            assert_eq!(watched.doing(&last), Idle, "{agent}: its user typed");
            let ended = TerminalState {
                exit: Some(3),
                ..last
            };
            watched.see(&signs, &ended, now);
            assert_eq!(watched.doing(&ended), Doing::Finished(3), "{agent}");
        }
    }

    #[test]
    fn quiet_says_it_where_the_recipe_says_so_and_only_after_work() {
        let (signs, start) = (signs("own"), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let quiet = Duration::from_secs(signs.quiet_seconds);
        let printed = |for_seconds: u64| {
            let mut watched = Watched::new(start);
            watched.see(&signs, &state("", true, 0), start);
            watched.see(&signs, &state("", false, 0), at(for_seconds));
            watched
        };
        let mut answered = printed(2);
        assert!(
            !answered.look(&signs, at(2) + 2 * quiet),
            "an answer to a key"
        );
        let mut worked = printed(30);
        assert_eq!(worked.quiet_at(&signs), Some(at(30) + quiet));
        assert!(!worked.look(&signs, at(30) + quiet / 2));
        assert!(worked.look(&signs, at(30) + quiet));
        assert_eq!(worked.doing(&state("", false, 0)), Doing::Waiting);
        assert!(!worked.look(&signs, at(31) + quiet), "told once");
        worked.see(&signs, &state("", true, 0), at(60));
        assert_eq!(
            worked.doing(&state("", true, 0)),
            Doing::Working,
            "it went on by itself"
        );
        let mut typed = printed(30);
        typed.typed();
        assert_eq!(typed.quiet_at(&signs), None);
        let mut other = printed(30);
        assert!(!other.look(&Signs::default(), at(30) + 10 * quiet));
    }

    #[test]
    fn a_shell_never_waits_and_what_was_there_before_may() {
        let (claude, now) = (signs("claude"), Instant::now());
        let shell = TerminalState {
            agent: false,
            ..state("", false, 3)
        };
        assert_eq!(
            Watched::found(&claude, &shell, now).doing(&shell),
            Doing::Idle
        );
        for (title, bells, doing) in [
            ("\u{2733} Claude Code", 0, Doing::Waiting),
            ("\u{25d0} Claude Code", 1, Doing::Working),
            ("", 1, Doing::Waiting),
            ("", 0, Doing::Idle),
        ] {
            let state = state(title, false, bells);
            let found = Watched::found(&claude, &state, now);
            assert_eq!(found.doing(&state), doing, "{title} {bells}");
        }
    }

    #[test]
    fn what_a_terminal_sends_by_itself_is_not_typing() {
        for by_itself in [
            &b""[..],
            b"\x1b[I",
            b"\x1b[O",
            b"\x1b[O\x1b[I",
            b"\x1b[<0;10;20M",
            b"\x1b[<0;10;20m",
            b"\x1b[M !!",
            b"\x1b[12;40R",
            b"\x1b[?62;22c",
        ] {
            assert!(!is_typed(by_itself), "{}", by_itself.escape_ascii());
        }
        for typed in [
            &b"a"[..],
            b"\r",
            b"\x1b",
            b"\x1b[A",
            b"\x1bOP",
            b"\x1b[15~",
            b"\x1b[200~text\x1b[201~",
            b"\x1b[Ia",
            "\u{e9}".as_bytes(),
        ] {
            assert!(is_typed(typed), "{}", typed.escape_ascii());
        }
    }
}
