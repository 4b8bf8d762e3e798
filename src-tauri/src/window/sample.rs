//! The sample project: a small web site that a person can hand over without a worry.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Its folder's name.
const NAME: &str = "rye-and-salt";
/// Other names, where the user has a folder of that name.
const OTHERS: u32 = 99;

const FILES: [(&str, &str); 5] = [
    (
        "README.md",
        "# Rye and Salt\n\nThe web site of a small bakery. A sample to try Agent Sandbox with: nothing here is yours,\nso nothing can go wrong.\n\nTry: ask for opening hours on Saturdays, or change a price in `menu.html`.\n",
    ),
    (
        "index.html",
        "<!doctype html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\">\n    <title>Rye and Salt</title>\n    <link rel=\"stylesheet\" href=\"css/site.css\">\n  </head>\n  <body>\n    <h1>Rye and Salt</h1>\n    <p>Bread from a wood-fired oven, every morning.</p>\n    <p><a href=\"menu.html\">What we bake</a></p>\n    <p id=\"hours\"></p>\n    <script src=\"js/hours.js\"></script>\n  </body>\n</html>\n",
    ),
    (
        "menu.html",
        "<!doctype html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\">\n    <title>What we bake</title>\n    <link rel=\"stylesheet\" href=\"css/site.css\">\n  </head>\n  <body>\n    <h1>What we bake</h1>\n    <ul>\n      <li>Country rye <b>4.80</b></li>\n      <li>Salt stick <b>1.20</b></li>\n      <li>Plum tart <b>3.40</b></li>\n    </ul>\n  </body>\n</html>\n",
    ),
    (
        "css/site.css",
        "body {\n  font-family: Georgia, serif;\n  margin: 3rem auto;\n  max-width: 34rem;\n}\n\nh1 {\n  color: saddlebrown;\n}\n",
    ),
    (
        "js/hours.js",
        "const hours = { weekdays: '07:00\u{2013}18:00', saturday: '07:00\u{2013}13:00' };\n\ndocument.querySelector('#hours').textContent = `Open ${hours.weekdays}, Saturdays ${hours.saturday}`;\n",
    ),
];

/// Makes it in the user's home folder, or finds the one that was made before. A folder of that name that is
/// the user's own is left alone.
pub fn make(home: &Path) -> io::Result<PathBuf> {
    for number in 1..=OTHERS {
        let name = match number {
            1 => NAME.to_owned(),
            n => format!("{NAME}-{n}"),
        };
        let folder = home.join(name);
        match fs::create_dir(&folder) {
            Ok(()) => {
                fill(&folder)?;
                return Ok(folder);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if is_ours(&folder) {
                    return Ok(folder);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// It has the files, whatever is in them by now: they are there to be changed.
fn is_ours(folder: &Path) -> bool {
    FILES.iter().all(|(name, _)| folder.join(name).is_file())
}

fn fill(folder: &Path) -> io::Result<()> {
    for (name, text) in FILES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::File::create_new(path)?.write_all(text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_own_folder_of_that_name_is_left_alone() {
        let home = tempfile::tempdir().expect("a folder");
        let own = home.path().join(NAME);
        fs::create_dir(&own).expect("a folder");
        fs::write(own.join("README.md"), "mine").expect("a file");
        let made = make(home.path()).expect("a sample");
        assert_eq!(made, home.path().join("rye-and-salt-2"));
        assert_eq!(
            fs::read_to_string(own.join("README.md")).expect("mine"),
            "mine"
        );
        fs::write(made.join("README.md"), "changed").expect("a file");
        assert_eq!(make(home.path()).expect("the same"), made);
    }
}
