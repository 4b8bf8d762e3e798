//! File systems without `renameat2`, or without hard links too: stand-ins that refuse what those refuse.
#![allow(dead_code, clippy::unwrap_used)]

/// Points that are reached where two names cannot be exchanged at once.
const IN_TURN: &[&str] = &["copyout::aside", "copyout::replaced"];
/// Where a name is moved by giving a second one.
const LINKED: &[&str] = &["copyout::linked"];

/// A kind of file system: what it refuses, and the points that are reached on it alone.
pub struct FileSystem {
    pub name: &'static str,
    refuses: &'static [(&'static str, &'static str)],
    points: &'static [&'static [&'static str]],
}

/// The one below the tests, and stand-ins for those without `renameat2` (see `copyout::means`).
pub const FILE_SYSTEMS: &[FileSystem] = &[
    FileSystem {
        name: "both flags",
        refuses: &[],
        points: &[],
    },
    FileSystem {
        name: "no exchange",
        refuses: &[("fs::rename", "return(noreplace)")],
        points: &[IN_TURN],
    },
    FileSystem {
        name: "no flags",
        refuses: &[("fs::rename", "return(none)")],
        points: &[IN_TURN, LINKED],
    },
    FileSystem {
        name: "no flags, no links",
        refuses: &[("fs::rename", "return(none)"), ("fs::link", "return")],
        points: &[IN_TURN],
    },
];

impl FileSystem {
    /// Refuses from here on, in this process; for a child it is put before its own points.
    pub fn set(&self) -> String {
        let mut points = String::new();
        for (name, action) in self.refuses {
            fail::cfg(*name, action).unwrap();
            points += &format!("{name}={action};");
        }
        points
    }

    /// The points that are reached on it alone.
    pub fn points(&self) -> impl Iterator<Item = &'static str> {
        self.points.iter().copied().flatten().copied()
    }
}

/// On each, one after the other: fail points are of the whole process.
pub fn on_each_file_system(test: impl Fn(&FileSystem, &str)) {
    for system in FILE_SYSTEMS {
        let scenario = fail::FailScenario::setup();
        test(system, &system.set());
        scenario.teardown();
    }
}
