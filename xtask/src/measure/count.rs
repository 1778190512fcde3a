//! Instructions, as the image `count` counts them.

use super::table::Figure;
use super::{CORTEX_M0, CORTEX_M4F, Column, Images, Measurement, RV32IMAC, RV32IMAFC};
use crate::workspace::Outcome;

pub(crate) const COUNT: Measurement = Measurement {
    command: "count",
    file: "aadl-bench/counts.txt",
    head: "\
# Instructions (not cycles) of one call, counted in QEMU; `cargo xtask count` compares with this
# file, `cargo xtask count --bless` writes it. The printed table adds (instructions an element): of a
# vector in dot, of each column in gram-row; elsewhere an element is a parameter; solve has none.
# Flags besides the opt-level of each table: lto = \"fat\", codegen-units = 1; in the column
# cortex-m4f+cpu also -C target-cpu=cortex-m4. float32; a network's figure is for one sample.
# Figures repeat exactly where the clone lies in the same folder; another shifts some by up to 1 %,
# since the compiler orders code by hashes of paths.
#   gram-row-exact/256x8   8 columns of 256 elements, residuals formed from iterates included
#   solve/5                system of 5 columns from the Gram matrix, Cholesky, solution
#   step-stored/64x3       64 parameters, 3 iterates, Config::DEFAULT, a step that only stores
#   step-accelerated/64x3  the same, a step that accelerates
#   column-dots-i16/256x8  8 columns of 256 elements, each with a column and with a vector
#   multisecant-tell-...   64 parameters, 5 pairs, all in use (.../64x5): an accepted point
#   multisecant-scale-...  the same where it brings the eighth pair, and so a new scaling
#   multisecant-ask-...    the point after it: the solve, and the combination of the pairs
#   multisecant-solve-...  of that the solve: what ask takes more than when it is asked again
#   gradient/4-16-3        loss and gradient, cross-entropy; hidden tanh, of 64-32-10 ReLU
#   training-step/4-16-3   the same, then SGD
",
    columns: &[
        CORTEX_M0,
        CORTEX_M4F,
        Column { name: "cortex-m4f+cpu", rustflags: &["-C", "target-cpu=cortex-m4"], ..CORTEX_M4F },
        RV32IMAC,
        RV32IMAFC,
    ],
    measure,
};

fn measure(images: &Images<'_>, list: &mut Vec<Figure>) -> Outcome {
    for (profile, table) in [("speed", "opt-level = 3"), ("release", "opt-level = \"s\"")] {
        let image = images.build(profile)?.join("count");
        let lines = images.run(&image)?;
        for line in &lines {
            let (case, value, elements) = parse(line)?;
            list.push(Figure {
                table: table.to_string(),
                case: case.to_string(),
                column: images.column.name.to_string(),
                value,
                elements,
            });
        }
    }
    Ok(())
}

/// A line of the image: case, instructions, elements.
fn parse(line: &str) -> Outcome<(&str, u64, u64)> {
    let words: Vec<_> = line.split(' ').collect();
    if let [case, value, elements] = words[..]
        && let (Ok(value), Ok(elements)) = (value.parse(), elements.parse())
    {
        return Ok((case, value, elements));
    }
    Err(format!("the image `count` printed what is no figure: `{line}`"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lines_of_the_image_are_read() {
        assert_eq!(parse("dot/256 901 256"), Ok(("dot/256", 901, 256)));
        for line in ["", "dot/256 901", "dot/256 901 x", "dot/256 -1 256", "a 1 2 3"] {
            assert!(parse(line).unwrap_err().contains("no figure"), "{line}");
        }
    }
}
