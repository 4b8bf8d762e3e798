//! The table: which names act on the user's machine, and how to say so.
//!
//! A pattern is matched against the end of a path, component by component, at any depth, in any
//! spelling. `*` stands for anything in one component; a final `**` for everything below a folder.

use std::sync::OnceLock;

use sandbox_workspace::WorkspacePath;

use super::{Class, names};

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// What it matches, in lower case.
    pub pattern: &'static str,
    /// What such a file can do.
    pub class: Class,
    /// In plain words.
    pub reason: &'static str,
    /// The name alone is no reason: the content decides.
    pub by_content: bool,
}

const fn rows<const N: usize>(
    class: Class,
    reason: &'static str,
    patterns: [&'static str; N],
    by_content: bool,
) -> [Rule; N] {
    let mut rules = [Rule {
        pattern: "",
        class,
        reason,
        by_content,
    }; N];
    let mut at = 0;
    while at < N {
        rules[at].pattern = patterns[at];
        at += 1;
    }
    rules
}

use Class::{Executable, RunsByItself, RunsOnBuild, SteersAgents};

/// Every row, by what it is about.
pub const TABLE: &[&[Rule]] = &[
    &rows(
        RunsByItself,
        "Git runs programs named here, or takes settings from it.",
        [
            ".gitmodules",
            ".gitattributes",
            ".gitconfig",
            ".lfsconfig",
            ".husky/**",
            ".githooks/**",
            "lefthook.y*ml",
            ".lefthook.y*ml",
            "lefthook-local.y*ml",
            ".pre-commit-config.yaml",
            ".pre-commit-hooks.yaml",
            ".overcommit.yml",
        ],
        false,
    ),
    &rows(
        RunsByItself,
        "The shell runs this when the folder is entered or a terminal opens.",
        [
            ".envrc",
            ".bashrc",
            ".bash_profile",
            ".bash_login",
            ".profile",
            ".zshrc",
            ".zprofile",
            ".zshenv",
            ".zlogin",
            ".tool-versions",
            "mise.toml",
            ".mise.toml",
            "mise.*.toml",
            ".mise/**",
            ".config/mise/**",
            ".tmux.conf",
            "flake.nix",
            "shell.nix",
            "devenv.nix",
            ".autoenv",
        ],
        false,
    ),
    &rows(
        RunsByItself,
        "Programs take their settings from it, and may send data where it says.",
        [
            ".env",
            ".env.*",
            ".ripgreprc",
            ".netrc",
            ".curlrc",
            ".wgetrc",
        ],
        false,
    ),
    &rows(
        RunsByItself,
        "The editor runs or obeys this when the folder is opened.",
        [
            ".vscode/tasks.json",
            ".vscode/launch.json",
            ".vscode/settings.json",
            ".vscode/extensions.json",
            ".vscode/mcp.json",
            "*.code-workspace",
            ".idea/**",
            ".fleet/**",
            ".zed/tasks.json",
            ".zed/settings.json",
            ".zed/debug.json",
            ".devcontainer/**",
            ".devcontainer.json",
            ".cursor/**",
            ".vimrc",
            ".exrc",
            ".nvimrc",
            ".nvim.lua",
            ".lvimrc",
            ".dir-locals.el",
            ".dir-locals-2.el",
            ".sublime-project",
            "*.sublime-project",
            ".helix/**",
            ".vs/**",
        ],
        false,
    ),
    &rows(
        RunsByItself,
        "An agent on your machine runs commands or tools named here.",
        [
            ".claude/settings*.json",
            ".claude/hooks/**",
            ".claude/commands/**",
            ".claude/agents/**",
            ".claude/skills/**",
            ".claude/plugins/**",
            ".claude-plugin/**",
            ".mcp.json",
            "mcp.json",
            ".codex/**",
            ".agents/**",
            ".gemini/**",
            ".continue/**",
            ".aider.conf.yml",
            ".roo/**",
            ".kilocode/**",
            ".windsurf/**",
            ".opencode/**",
            "opencode.json",
            "opencode.jsonc",
            ".amazonq/**",
            ".kiro/**",
            ".junie/**",
        ],
        false,
    ),
    &rows(
        SteersAgents,
        "Agents on your machine read this as instructions.",
        [
            "agents.md",
            "agents.override.md",
            "claude.md",
            "claude.local.md",
            "gemini.md",
            "qwen.md",
            ".cursorrules",
            ".windsurfrules",
            ".clinerules",
            ".clinerules/**",
            ".roorules",
            ".roomodes",
            ".rules",
            ".goosehints",
            ".github/copilot*",
            ".github/copilot*/**",
            ".github/instructions/**",
            ".github/prompts/**",
            ".github/chatmodes/**",
            ".github/agents/**",
            ".claude/**",
            "convention*.aider.md",
            "llms.txt",
            "skill.md",
        ],
        false,
    ),
    &rows(
        RunsOnBuild,
        "Package scripts, programs or replaced packages run when you install or build.",
        [
            "package.json",
            "go.mod",
            "composer.json",
            "deno.json",
            "deno.jsonc",
        ],
        true,
    ),
    &rows(
        RunsOnBuild,
        "Packages are fetched from another place than before.",
        [
            "package-lock.json",
            "npm-shrinkwrap.json",
            "yarn.lock",
            "pnpm-lock.yaml",
            "cargo.lock",
            "poetry.lock",
            "uv.lock",
            "pdm.lock",
            "pipfile.lock",
            "gemfile.lock",
            "composer.lock",
            "bun.lock",
            "deno.lock",
            "go.sum",
        ],
        true,
    ),
    &rows(
        RunsOnBuild,
        "The package manager takes its settings from it, and can run programs.",
        [
            ".npmrc",
            ".yarnrc",
            ".yarnrc.yml",
            ".pnp.cjs",
            ".pnp.loader.mjs",
            ".yarn/**",
            ".pnpmfile.cjs",
            "pnpmfile.cjs",
            ".pnpmfile.mjs",
            "pnpm-workspace.yaml",
            "bunfig.toml",
            "bun.lockb",
            "binding.gyp",
            ".pypirc",
            "pip.conf",
            ".pip/**",
            "gemfile",
            "rakefile",
            "*.gemspec",
            ".bundle/config",
            "podfile",
        ],
        false,
    ),
    &rows(
        RunsOnBuild,
        "Tools run this as a program when you build, test or format.",
        [
            "*.config.js",
            "*.config.cjs",
            "*.config.mjs",
            "*.config.ts",
            "*.config.mts",
            "*.config.cts",
            ".eslintrc",
            ".eslintrc.*",
            ".prettierrc.js",
            ".prettierrc.cjs",
            ".prettierrc.mjs",
            ".prettierrc.ts",
            ".babelrc.js",
            ".babelrc.cjs",
            ".mocharc.*",
            ".swcrc",
            "gulpfile.*",
            "gruntfile.*",
            ".lintstagedrc*",
            ".stylelintrc.js",
            ".stylelintrc.cjs",
        ],
        false,
    ),
    &rows(
        RunsOnBuild,
        "Python runs this when you test, install, or start it here.",
        [
            "conftest.py",
            "sitecustomize.py",
            "usercustomize.py",
            "*.pth",
            "setup.py",
            "setup.cfg",
            "pyproject.toml",
            "tox.ini",
            "noxfile.py",
            "manage.py",
            "pytest.ini",
            "tasks.py",
            "fabfile.py",
            "dodo.py",
        ],
        false,
    ),
    &rows(
        RunsOnBuild,
        "Runs when you build.",
        [
            "build.rs",
            ".cargo/config",
            ".cargo/config.toml",
            "rust-toolchain",
            "rust-toolchain.toml",
            "makefile",
            "gnumakefile",
            "makefile.*",
            "*.mk",
            "justfile",
            ".justfile",
            "taskfile.y*ml",
            "cmakelists.txt",
            "*.cmake",
            "cmakepresets.json",
            "meson.build",
            "configure",
            "configure.ac",
            "gradlew",
            "gradlew.bat",
            "gradle/wrapper/**",
            "build.gradle*",
            "settings.gradle*",
            "init.gradle*",
            "gradle.properties",
            "pom.xml",
            ".mvn/**",
            "mvnw",
            "mvnw.cmd",
            "build.xml",
            ".bazelrc",
            ".bazelversion",
            "build",
            "build.bazel",
            "workspace",
            "workspace.bazel",
            "module.bazel",
            "*.bzl",
            "go.work",
            "sconstruct",
            "sconscript",
            "wscript",
            "build.zig",
            "build.sbt",
            "project/*.sbt",
            "*.csproj",
            "*.vbproj",
            "*.fsproj",
            "*.vcxproj",
            "directory.build.props",
            "directory.build.targets",
            "nuget.config",
            "package.swift",
            "mix.exs",
            "*.xcodeproj/**",
            "earthfile",
            "tiltfile",
            "skaffold.yaml",
        ],
        false,
    ),
    &rows(
        RunsOnBuild,
        "Runs on the build server, often with its keys.",
        [
            ".github/workflows/**",
            ".github/actions/**",
            "action.yml",
            "action.yaml",
            ".gitlab-ci.yml",
            ".gitlab-ci.yaml",
            ".circleci/**",
            "jenkinsfile",
            "jenkinsfile.*",
            ".travis.yml",
            "azure-pipelines.y*ml",
            ".drone.yml",
            ".buildkite/**",
            ".woodpecker/**",
            ".woodpecker.yml",
            "appveyor.yml",
            ".appveyor.yml",
            "bitbucket-pipelines.yml",
            ".forgejo/workflows/**",
            ".gitea/workflows/**",
            ".github/dependabot.yml",
            "codecov.yml",
            "netlify.toml",
            "vercel.json",
            "procfile",
        ],
        false,
    ),
    &rows(
        RunsOnBuild,
        "Runs when a container is built or started from it.",
        [
            "dockerfile",
            "dockerfile.*",
            "*.dockerfile",
            "containerfile",
            "containerfile.*",
            "docker-compose*.y*ml",
            "compose.y*ml",
            "compose.*.y*ml",
            ".dockerignore",
            "docker-bake.hcl",
            "docker-bake.json",
            "vagrantfile",
        ],
        false,
    ),
    &rows(
        Executable,
        "Starts when it is opened.",
        [
            "*.desktop",
            "*.command",
            "*.lnk",
            "*.scpt",
            "*.scptd/**",
            "*.applescript",
            "*.ps1",
            "*.psm1",
            "*.bat",
            "*.cmd",
            "*.reg",
            "*.vbs",
            "*.vbe",
            "*.wsf",
            "*.hta",
            "*.scr",
            "*.com",
            "*.pif",
            "*.exe",
            "*.msi",
            "*.app/**",
            "*.workflow/**",
            "*.url",
            "*.webloc",
            "*.terminal",
            "*.inf",
            "desktop.ini",
            "autorun.inf",
            "*.jar",
            "*.appimage",
        ],
        false,
    ),
];

/// Names that only document: never matched, whatever the table says.
const EXAMPLES: &[&str] = &[".env.example", ".env.sample", ".env.template", ".env.dist"];

/// The rows that match a path, at most one per reason.
pub(super) fn matches(path: &WorkspacePath) -> impl Iterator<Item = &'static Rule> {
    let components = names::components(path);
    let example = components
        .last()
        .is_some_and(|name| EXAMPLES.contains(&name.as_str()));
    compiled()
        .iter()
        .filter_map(move |rows| rows.iter().find(|row| row.fits(&components)))
        .map(|row| row.rule)
        .filter(move |_| !example)
}

/// A rule with its pattern in components.
struct Compiled {
    rule: &'static Rule,
    parts: Vec<&'static str>,
    below: bool,
}

fn compiled() -> &'static [Vec<Compiled>] {
    static COMPILED: OnceLock<Vec<Vec<Compiled>>> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let compile = |rule: &'static Rule| {
            let (folder, below) = match rule.pattern.strip_suffix("/**") {
                Some(folder) => (folder, true),
                None => (rule.pattern, false),
            };
            let parts = folder.split('/').collect();
            Compiled { rule, parts, below }
        };
        TABLE
            .iter()
            .map(|rows| rows.iter().map(compile).collect())
            .collect()
    })
}

impl Compiled {
    fn fits(&self, path: &[String]) -> bool {
        let length = self.parts.len();
        if self.below {
            return path
                .windows(length)
                .take(path.len().saturating_sub(length))
                .any(|part| same(&self.parts, part));
        }
        path.len() >= length && same(&self.parts, &path[path.len() - length..])
    }
}

fn same(pattern: &[&str], names: &[String]) -> bool {
    pattern
        .iter()
        .zip(names)
        .all(|(p, name)| glob(p.as_bytes(), name.as_bytes()))
}

/// `*` for any run of bytes, the rest literally.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (p, n) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(path: &str) -> Vec<Class> {
        let path = WorkspacePath::new(path.as_bytes()).expect("valid");
        matches(&path)
            .filter(|rule| !rule.by_content)
            .map(|rule| rule.class)
            .collect()
    }

    #[test]
    fn what_acts_is_flagged_at_any_depth_and_in_any_spelling() {
        for (path, class) in [
            (".envrc", RunsByItself),
            ("deep/er/.EnvRC", RunsByItself),
            (".vscode/tasks.json", RunsByItself),
            ("app/.VSCode/Tasks.json", RunsByItself),
            (".vsc\u{200b}ode/tasks.json", RunsByItself),
            (".vscode/tasks.json. ", RunsByItself),
            (".husky/_/pre-commit", RunsByItself),
            ("x/.idea/workspace.xml", RunsByItself),
            (".claude/settings.local.json", RunsByItself),
            ("AGENTS.md", SteersAgents),
            ("docs/CLAUDE.md", SteersAgents),
            ("Makefile", RunsOnBuild),
            ("crates/a/build.rs", RunsOnBuild),
            (".github/workflows/ci.yml", RunsOnBuild),
            ("vite.config.ts", RunsOnBuild),
            ("Dockerfile.dev", RunsOnBuild),
            ("run.BAT", Executable),
            (".env.local", RunsByItself),
        ] {
            assert!(
                classes(path).contains(&class),
                "{path}: {:?}",
                classes(path)
            );
        }
    }

    #[test]
    fn ordinary_files_are_not_flagged() {
        for path in [
            "README.md",
            "src/main.rs",
            "src/build/mod.rs",
            "index.html",
            "css/site.css",
            "a.txt",
            "notes.md",
            "app.js",
            "lib/config.js",
            "config.json",
            "data.csv",
            "thesis.tex",
            "img/logo.png",
            "test_app.py",
            "main.go",
            ".gitignore",
            ".gitkeep",
            "LICENSE",
            "Cargo.toml",
            "docs/agents/overview.md",
            "workspace/a.rs",
            "build/x.css",
            "env.ts",
            ".env.example",
            "src/environment.ts",
            "package.md",
            "com",
            "x.command.md",
            "idea/notes.md",
            "tasks.json",
            "settings.json",
            "tsconfig.json",
            "requirements.txt",
            ".editorconfig",
            "style.config.css",
            "CHANGELOG.md",
        ] {
            assert_eq!(classes(path), [], "{path}");
        }
    }

    #[test]
    fn patterns_are_in_the_form_they_are_compared_in() {
        for rule in TABLE.iter().copied().flatten() {
            assert_eq!(rule.pattern, rule.pattern.to_lowercase());
            assert!(!rule.pattern.is_empty() && !rule.reason.is_empty());
        }
    }
}
