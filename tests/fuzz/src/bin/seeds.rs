//! Writes what the fuzzer starts from: `seeds FOLDER` makes a folder of each target's name in it, with a file a seed,
//! and FOLDER/words, libFuzzer's dictionary.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: seeds FOLDER");
        std::process::exit(2);
    };
    for (target, seeds) in stepscope_fuzz::seeds() {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        for (i, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{i:02}")), seed)?;
        }
    }
    std::fs::write(folder.join("words"), stepscope_fuzz::words())
}
