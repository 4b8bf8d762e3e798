//! Hand-over, snapshot and restore beside `cp -a`, git, rsync and restic, in one run.
//!
//! `bench_workspace [--runs N] [--json FILE] [--on FOLDER]... [--tree NAME=FOLDER[+FOLDER]...]... [--all]`
//!
//! Each tree is copied below each FOLDER first and then worked on there, warm, each job N times in turn
//! with its peers; the medians are printed as a table, with the spread and the ratio to reach, and as
//! JSON. Without a tree: the sources that cargo has fetched here. `--all` adds the Rust documentation
//! and a tree of 200 files of 10 MB. A peer that is not installed is named.

mod jobs;
mod ours;
mod peers;
mod table;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use table::Table;

/// Quicker than the system's with the many small pieces that a scan is made of.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Done<T> = Result<T, Box<dyn Error>>;

/// A name and the folders that are put together under it.
type Source = (String, Vec<PathBuf>);

/// Bytes of the files made for `200 x 10 MB`, and how many.
const BIG: (usize, usize) = (10 << 20, 200);

#[derive(Default)]
struct Wanted {
    runs: usize,
    on: Vec<PathBuf>,
    json: Option<PathBuf>,
    trees: Vec<Source>,
    all: bool,
}

fn main() -> Done<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [job, tree, at] = &arguments[..]
        && job == "--alone"
    {
        return ours::alone(Path::new(tree), Path::new(at));
    }
    let wanted = read(&arguments)?;
    let mut results = BTreeMap::new();
    for (name, folders) in &wanted.trees {
        for on in &wanted.on {
            let table = bench(name, folders, on, wanted.runs)?;
            results.insert(format!("{name}, {}", file_system(on)), table.json());
        }
    }
    let text = serde_json::to_string_pretty(&results)?;
    match &wanted.json {
        Some(file) => std::fs::write(file, text)?,
        None => println!("\n{text}"),
    }
    Ok(())
}

fn bench(name: &str, folders: &[PathBuf], on: &Path, runs: usize) -> Done<Table> {
    let bench = jobs::Bench::new(folders, on, runs)?;
    println!(
        "\n{name} on {}: {} files, {} MB, {runs} runs",
        file_system(on),
        bench.files,
        bench.bytes >> 20
    );
    let table = bench.run()?;
    table.print();
    Ok(table)
}

fn read(arguments: &[String]) -> Done<Wanted> {
    let mut wanted = Wanted {
        runs: 5,
        ..Wanted::default()
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or("a value is missing");
        match argument.as_str() {
            "--runs" => wanted.runs = value()?.parse()?,
            "--on" => wanted.on.push(PathBuf::from(value()?)),
            "--json" => wanted.json = Some(PathBuf::from(value()?)),
            "--all" => wanted.all = true,
            "--tree" => {
                let (name, folders) = value()?.split_once('=').ok_or("NAME=FOLDER is wanted")?;
                let folders = folders.split('+').map(PathBuf::from).collect();
                wanted.trees.push((name.to_owned(), folders));
            }
            other => return Err(format!("{other}: not an option").into()),
        }
    }
    if wanted.trees.is_empty() {
        wanted.trees = usual_trees(wanted.all)?;
    }
    if wanted.on.is_empty() {
        let memory = PathBuf::from("/dev/shm");
        wanted.on.extend(memory.is_dir().then_some(memory));
        wanted.on.push(target_folder()?);
    }
    Ok(wanted)
}

/// The build folder: nothing is made among the sources.
fn target_folder() -> Done<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().nth(3).ok_or("no build folder")?;
    Ok(folder.to_owned())
}

fn usual_trees(all: bool) -> Done<Vec<Source>> {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .ok_or("no home")?;
    let cargo = std::env::var_os("CARGO_HOME").map_or(home.join(".cargo"), PathBuf::from);
    let sources = cargo.join("registry/src");
    let mut trees = vec![("cargo sources".to_owned(), vec![sources.clone()])];
    if !all {
        return Ok(trees);
    }
    let rustup = std::env::var_os("RUSTUP_HOME").map_or(home.join(".rustup"), PathBuf::from);
    let mut docs: Vec<_> = std::fs::read_dir(rustup.join("toolchains"))?
        .filter_map(|entry| Some(entry.ok()?.path().join("share/doc")))
        .filter(|path| path.is_dir())
        .collect();
    docs.sort();
    if let Some(docs) = docs.pop() {
        trees.push(("sources and docs".to_owned(), vec![sources, docs]));
    } else {
        println!("not run: the Rust documentation is not installed");
    }
    trees.push(("200 x 10 MB".to_owned(), Vec::new()));
    Ok(trees)
}

/// Contents that do not compress, none like another.
fn make_big(at: &Path) -> Done<()> {
    std::fs::create_dir_all(at)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = vec![0; BIG.0];
    for n in 0..BIG.1 {
        for word in content.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        std::fs::write(at.join(format!("{n:03}.bin")), &content)?;
    }
    Ok(())
}

fn file_system(at: &Path) -> &'static str {
    const TMPFS: u64 = 0x0102_1994;
    let kind = rustix::fs::statfs(at).map(|s| u64::try_from(s.f_type));
    match kind {
        Ok(Ok(TMPFS)) => "tmpfs",
        _ => "disk",
    }
}
