//! Hand-over, snapshot and restore beside `cp -a`, git, rsync and restic, in one run.
//!
//! `bench_workspace [--runs N] [--json FILE] [--on FOLDER]... [--tree NAME=FOLDER[+FOLDER]...]... [--all]`
//!
//! Each tree is copied below each FOLDER first and then worked on there, warm, each job N times in turn
//! with its peers; the medians are printed as a table, with the spread and whether the ratio to reach is
//! reached, and as JSON. Without a tree: 20,000 files of what cargo has fetched here. `--all` adds 75,000
//! files, with the Rust documentation among them, and 200 files of 10 MB. A peer that is not installed is
//! named. The first tree is also watched for a while in which nothing happens.

mod jobs;
mod ours;
mod peers;
mod table;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use table::Table;

type Done<T> = Result<T, Box<dyn Error>>;

/// A name and the folders that are put together under it.
type Source = (String, Vec<PathBuf>);

/// Files of the usual tree and of the large one, at least.
const FILES: (usize, usize) = (20_000, 75_000);

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
    if let [job, folder] = &arguments[..]
        && job == "--idle"
    {
        return ours::idle(Path::new(folder));
    }
    let wanted = read(&arguments)?;
    let mut results = BTreeMap::new();
    for (name, folders) in &wanted.trees {
        for on in &wanted.on {
            let idle = results.is_empty();
            let table = bench(name, folders, on, wanted.runs, idle)?;
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

fn bench(name: &str, folders: &[PathBuf], on: &Path, runs: usize, idle: bool) -> Done<Table> {
    let begun = std::time::Instant::now();
    let bench = jobs::Bench::new(folders, on, runs)?;
    println!(
        "\n{name} on {}: {} files, {} MB, {runs} runs",
        file_system(on),
        bench.files,
        bench.bytes >> 20
    );
    let table = bench.run(idle)?;
    table.print();
    println!("took {} s", begun.elapsed().as_secs());
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
    let mut packages = Vec::new();
    for registry in folders_in(&cargo.join("registry/src"))? {
        packages.extend(folders_in(&registry)?);
    }
    packages.sort();
    let usual = up_to(&packages, FILES.0)?;
    let mut trees = vec![("20,000 files".to_owned(), usual)];
    if !all {
        return Ok(trees);
    }
    let rustup = std::env::var_os("RUSTUP_HOME").map_or(home.join(".rustup"), PathBuf::from);
    let mut docs: Vec<_> = folders_in(&rustup.join("toolchains"))
        .unwrap_or_default()
        .into_iter()
        .map(|toolchain| toolchain.join("share/doc"))
        .filter(|path| path.is_dir())
        .collect();
    docs.sort_by_key(|path| files_in(path).unwrap_or(0));
    let mut large: Vec<PathBuf> = docs.pop().into_iter().collect();
    if large.is_empty() {
        println!("the Rust documentation is not installed: the large tree is of sources alone");
    }
    large.extend(packages);
    let large = up_to(&large, FILES.1)?;
    trees.push(("75,000 files".to_owned(), large));
    trees.push(("200 x 10 MB".to_owned(), Vec::new()));
    Ok(trees)
}

fn folders_in(folder: &Path) -> Done<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The first folders that have this many files together, or all.
fn up_to(folders: &[PathBuf], files: usize) -> Done<Vec<PathBuf>> {
    let (mut taken, mut count) = (Vec::new(), 0);
    for folder in folders {
        if count >= files {
            break;
        }
        count += files_in(folder)?;
        taken.push(folder.clone());
    }
    Ok(taken)
}

fn files_in(folder: &Path) -> Done<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        count += if entry.file_type()?.is_dir() {
            files_in(&entry.path())?
        } else {
            1
        };
    }
    Ok(count)
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
