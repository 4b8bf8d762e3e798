//! Long operations that the window may cancel, by the name that it gave them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sandbox_workspace::Cancel;

/// The operations at work.
#[derive(Clone, Default)]
pub struct Operations(Arc<Mutex<HashMap<String, Cancel>>>);

/// One operation at work; ends when dropped.
pub struct AtWork {
    all: Operations,
    name: String,
    cancel: Cancel,
}

impl Operations {
    /// Begins one.
    pub fn begin(&self, name: &str) -> AtWork {
        let cancel = Cancel::default();
        self.with(|map| map.insert(name.to_owned(), cancel.clone()));
        AtWork {
            all: self.clone(),
            name: name.to_owned(),
            cancel,
        }
    }

    /// Asks one to stop. One that has ended already is no failure.
    pub fn cancel(&self, name: &str) {
        if let Some(cancel) = self.with(|map| map.get(name).cloned()) {
            cancel.cancel();
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Cancel>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AtWork {
    /// What stops it.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.all.with(|map| map.remove(&self.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_one_is_stopped_and_ends_are_forgotten() {
        let all = Operations::default();
        let (one, two) = (all.begin("one"), all.begin("two"));
        all.cancel("one");
        all.cancel("never begun");
        assert!(one.cancel().is_cancelled());
        assert!(!two.cancel().is_cancelled());
        drop(two);
        assert_eq!(all.with(|map| map.len()), 1);
    }
}
