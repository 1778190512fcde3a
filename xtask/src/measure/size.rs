//! Flash and stack of small images, each beyond an image that does nothing.

use super::table::Figure;
use super::{CORTEX_M0, CORTEX_M4F, Images, Measurement, RV32IMAC, RV32IMAFC};
use crate::workspace::Outcome;
use object::{Object, ObjectSection, SectionKind};
use std::fs;
use std::path::Path;

pub(crate) const SIZE: Measurement = Measurement {
    command: "size",
    file: "aadl-bench/sizes.txt",
    head: "\
# Flash and stack of small programs; `cargo xtask size` compares with this file, `cargo xtask size
# --bless` writes it. Flags: opt-level = \"s\", lto = \"fat\", codegen-units = 1. float32.
# Flash: all sections that are loaded. `empty` is a program with the same runtime that does nothing;
# its row is the whole of it, and each other row is what its program takes beyond that.
# Stack: the deepest that was reached, measured by painting; static state is not in it.
# Figures repeat exactly where the clone lies in the same folder; another shifts some by up to 1 %,
# since the compiler orders code by hashes of paths.
#   accelerator           Anderson<64, 5>::step with Config::DEFAULT, around a linear map
#   accelerator_sgd       SGD inside of Accelerated, the same history, Config::DEFAULT
#   training              64-32-10: gradient of cross-entropy for one sample, SGD
#   training_accelerated  64-32-10: initial weights, gradient of 4 samples, SGD inside of Accelerated
#                         with 5 iterates, Config::TRAINING
",
    columns: &[CORTEX_M0, CORTEX_M4F, RV32IMAC, RV32IMAFC],
    measure,
};

const EMPTY: &str = "empty";
const IMAGES: [&str; 4] = ["accelerator", "accelerator_sgd", "training", "training_accelerated"];

fn measure(images: &Images<'_>, list: &mut Vec<Figure>) -> Outcome {
    let folder = images.build("release")?;
    let mut figure = |table: &str, case: &str, value| {
        list.push(Figure {
            table: table.to_string(),
            case: case.to_string(),
            column: images.column.name.to_string(),
            value,
            elements: 0,
        });
    };
    let empty = flash(&folder.join(EMPTY))?;
    figure("flash, bytes", EMPTY, empty);
    for name in IMAGES {
        let image = folder.join(name);
        let beyond = flash(&image)?.checked_sub(empty).ok_or_else(|| {
            format!("`{name}` takes less flash than `{EMPTY}`, so neither figure can be right")
        })?;
        figure("flash, bytes", name, beyond);
        figure("stack, bytes", name, stack(&images.run(&image)?)?);
    }
    Ok(())
}

/// Bytes of a program that are loaded, which on a device lie in flash.
fn flash(program: &Path) -> Outcome<u64> {
    let error = |e: &dyn std::fmt::Display| format!("{}: {e}", program.display());
    let data = fs::read(program).map_err(|e| error(&e))?;
    let file = object::File::parse(&*data).map_err(|e| error(&e))?;
    let loaded = |section: &object::Section<'_, '_>| {
        use SectionKind::{Data, ReadOnlyData, ReadOnlyString, Text};
        matches!(section.kind(), Text | Data | ReadOnlyData | ReadOnlyString)
    };
    Ok(file.sections().filter(loaded).map(|section| section.size()).sum())
}

/// What an image says of its stack.
fn stack(lines: &[String]) -> Outcome<u64> {
    match lines {
        [line] => u64::from_str_radix(line, 16)
            .map_err(|_| format!("the image printed what is no size: `{line}`")),
        _ => Err(format!("the image printed {} lines, not one", lines.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::stack;

    #[test]
    fn the_line_of_an_image_is_read() {
        let stack =
            |lines: &[&str]| stack(&lines.iter().map(|l| l.to_string()).collect::<Vec<_>>());
        assert_eq!(stack(&["0378"]), Ok(888));
        assert!(stack(&["x"]).unwrap_err().contains("no size"));
        assert!(stack(&[]).unwrap_err().contains("0 lines"));
    }
}
