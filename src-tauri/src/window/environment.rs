//! What the process was started with. Read once, at the start, and passed on.

use std::env;
use std::path::PathBuf;

/// The parts of the environment that the window goes by.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Everything is kept here instead of in the usual data folder.
    pub data_dir: Option<PathBuf>,
    /// What the folder dialog answers, for tests: it cannot be driven.
    choose_folder: Option<PathBuf>,
}

impl Environment {
    /// As it is.
    pub fn read() -> Self {
        let path = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            data_dir: path("AGENT_SANDBOX_DATA_DIR"),
            choose_folder: path("AGENT_SANDBOX_TEST_CHOOSE_FOLDER"),
        }
    }

    /// The test's answer to the folder dialog. Only with a data folder of its own: no ordinary window
    /// takes a folder that nobody chose.
    pub fn chosen_folder(&self) -> Option<PathBuf> {
        self.data_dir.as_ref().and(self.choose_folder.clone())
    }
}

/// WebKitGTK's own way of drawing shows nothing with NVIDIA's driver. Must come before any thread and before GTK.
#[cfg(target_os = "linux")]
pub fn spare_nvidia() {
    const SWITCH: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    if env::var_os(SWITCH).is_none() && std::path::Path::new("/proc/driver/nvidia/version").exists()
    {
        // SAFETY: the first statement of `main`; no other thread is there to read the environment.
        #[allow(unsafe_code)]
        unsafe {
            env::set_var(SWITCH, "1");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_window_asks_the_user() {
        let folder = Some(PathBuf::from("/somewhere"));
        let ordinary = Environment {
            data_dir: None,
            choose_folder: folder.clone(),
        };
        assert_eq!(ordinary.chosen_folder(), None);
        let test = Environment {
            data_dir: folder.clone(),
            choose_folder: folder.clone(),
        };
        assert_eq!(test.chosen_folder(), folder);
    }
}
