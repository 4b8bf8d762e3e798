//! Work that is done for one thing at a time: what is asked for meanwhile is done once more after it, however often it
//! was asked for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whose turn it is, and whether it was asked for again since.
pub struct Turns<K>(Mutex<HashMap<K, bool>>);

/// One turn; over when dropped, wherever its work stopped.
pub struct Turn<'a, K: Hash + Eq + Clone> {
    turns: &'a Turns<K>,
    of: K,
    over: bool,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Turns<K> {
    /// A turn; `None` where somebody has it, who will take another one after it.
    pub fn take(&self, of: &K) -> Option<Turn<'_, K>> {
        let mut all = self.all();
        if let Some(again) = all.get_mut(of) {
            *again = true;
            return None;
        }
        all.insert(of.clone(), false);
        Some(Turn {
            turns: self,
            of: of.clone(),
            over: false,
        })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<K, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> Turn<'_, K> {
    /// Another turn where it was asked for meanwhile; else this one is over.
    pub fn again(mut self) -> Option<Self> {
        let mut all = self.turns.all();
        if all.get_mut(&self.of).is_some_and(std::mem::take) {
            drop(all);
            return Some(self);
        }
        // Under the same lock: whoever asks from now on takes it.
        all.remove(&self.of);
        drop(all);
        self.over = true;
        None
    }
}

impl<K: Hash + Eq + Clone> Drop for Turn<'_, K> {
    fn drop(&mut self) {
        if !self.over {
            self.turns.all().remove(&self.of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_meanwhile_is_done_once_more() {
        let turns = Turns::default();
        let turn = turns.take(&"one").expect("it is free");
        assert!(turns.take(&"one").is_none());
        assert!(turns.take(&"one").is_none());
        let other = turns.take(&"other").expect("nobody waits for another");
        assert!(other.again().is_none(), "nobody asked");
        let turn = turn.again().expect("asked for twice, done once more");
        assert!(turn.again().is_none());
        let stopped = turns.take(&"one").expect("it is over");
        assert!(turns.take(&"one").is_none());
        drop(stopped);
        assert!(turns.take(&"one").is_some(), "also where its work stopped");
    }
}
