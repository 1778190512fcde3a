//! Ratios as dots on a logarithmic axis, as SVG.

use std::fmt::Write;

/// Rows of dots: how each of some methods compares on each of some tasks.
#[derive(Clone, Debug)]
pub struct Dots {
    /// Above all.
    pub title: String,
    /// What the legend says: a name for each dot of a row.
    pub names: Vec<String>,
    /// A label and the ratios, one a name; those that are missing, or not positive, are left out.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
}

/// As in `chart`: colours that people with colour-blindness can tell apart.
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#565656"];
const WIDTH: f64 = 820.0;
/// Left of it stand the labels.
const LEFT: f64 = 180.0;
const RIGHT: f64 = 800.0;
const TOP: f64 = 70.0;
const ROW: f64 = 32.0;

impl Dots {
    /// The picture, as the text of an SVG file.
    pub fn to_svg(&self) -> String {
        let ratios = || {
            let all = self.rows.iter().flat_map(|(_, ratios)| ratios.iter().flatten().copied());
            all.filter(|ratio| *ratio > 0.0 && ratio.is_finite())
        };
        // 1 is always in sight, and a little beyond the outermost dots.
        let low = ratios().fold(1.0, f64::min).ln() - 0.15;
        let high = ratios().fold(1.0, f64::max).ln() + 0.15;
        let x = |ratio: f64| LEFT + (RIGHT - LEFT) * (ratio.ln() - low) / (high - low);
        let bottom = TOP + ROW * self.rows.len() as f64;
        let height = bottom + 40.0 + 20.0 * self.names.len() as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
        );
        let text = |x: f64, y: f64, anchor: &str, text: &str| {
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n")
        };
        let mut body = text(WIDTH / 2.0, 28.0, "middle", &self.title);
        for tick in [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0] {
            if (low..=high).contains(&f64::ln(tick)) {
                let (x, colour) = (x(tick), if tick == 1.0 { "#565656" } else { "#dddddd" });
                // Writing to a string does not fail.
                let _ = writeln!(
                    body,
                    "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"{colour}\"/>"
                );
                body += &text(x, TOP - 8.0, "middle", &tick.to_string());
            }
        }
        for (row, (label, ratios)) in self.rows.iter().enumerate() {
            let y = TOP + ROW * (row as f64 + 0.5);
            body += &text(LEFT - 10.0, y + 4.0, "end", label);
            for (index, ratio) in ratios.iter().enumerate() {
                if let Some(ratio) = ratio.filter(|ratio| *ratio > 0.0 && ratio.is_finite()) {
                    // One above the other, so that equal ones are seen.
                    let y = y + 5.0 * (index as f64 - 0.5 * (ratios.len() as f64 - 1.0));
                    body += &dot(x(ratio), y, index);
                }
            }
        }
        for (index, name) in self.names.iter().enumerate() {
            let y = bottom + 30.0 + 20.0 * index as f64;
            body += &dot(LEFT, y - 4.0, index);
            body += &text(LEFT + 12.0, y, "start", name);
        }
        svg += &body;
        svg += "</svg>\n";
        svg
    }
}

fn dot(x: f64, y: f64, colour: usize) -> String {
    let colour = COLOURS[colour % COLOURS.len()];
    format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\"/>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_lie_in_order_and_bad_ones_are_left_out() {
        let dots = Dots {
            title: "a < b & c".to_owned(),
            names: vec!["one".to_owned(), "two".to_owned()],
            rows: vec![
                ("x".to_owned(), vec![Some(0.5), Some(20.0)]),
                ("y".to_owned(), vec![None, Some(f64::NAN)]),
                ("z".to_owned(), vec![Some(0.0), Some(f64::INFINITY)]),
            ],
        };
        let svg = dots.to_svg();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("a &lt; b &amp; c") && !svg.contains("NaN") && !svg.contains("inf"));
        // Two dots and the legend's two.
        assert_eq!(svg.matches("<circle").count(), 4);
        let places: Vec<f64> = svg
            .split("cx=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next()?.parse().ok())
            .collect();
        assert!(places[0] < places[1] && places.iter().all(|x| (LEFT..=RIGHT).contains(x)));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let svg = Dots { title: String::new(), names: vec![], rows: vec![] }.to_svg();
        assert!(!svg.contains("<circle"));
    }
}
