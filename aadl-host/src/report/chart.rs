//! Line charts with a logarithmic vertical axis, and perhaps a logarithmic horizontal one, as SVG.

use std::error::Error;

use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;

/// A line, with a band around it.
#[derive(Clone, Debug)]
pub struct Series {
    /// What the legend says.
    pub name: String,
    /// Lines of the same colour index have the same colour.
    pub colour: usize,
    /// Drawn thick, with its band; else thin.
    pub accented: bool,
    /// `(x, low, middle, high)`, `x` ascending.
    pub points: Vec<(f64, f64, f64, f64)>,
}

/// One pair of axes.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Above the axes.
    pub title: String,
    /// Its lines.
    pub series: Vec<Series>,
}

/// Panels side by side.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Above all.
    pub title: String,
    /// Below each panel.
    pub x_label: String,
    /// Beside each panel.
    pub y_label: String,
    /// Whether the horizontal axis is logarithmic, too; else it begins at 0.
    pub log_x: bool,
    /// From left to right.
    pub panels: Vec<Panel>,
}

/// Colours that people with colour-blindness can tell apart (Okabe & Ito 2008).
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 86, 86),
];

/// Height of the axes with their labels, and of a line of the legend below them.
const AXES: u32 = 440;
const ENTRY: u32 = 18;
/// Entries of a legend side by side, and how wide each is.
const ABREAST: usize = 2;
const ENTRY_WIDTH: i32 = 270;

impl Chart {
    /// The picture, as the text of an SVG file.
    ///
    /// # Errors
    /// Those of the drawing library.
    pub fn to_svg(&self) -> Result<String, Box<dyn Error>> {
        let mut svg = String::new();
        {
            let width = 620 * self.panels.len().max(1) as u32;
            let entries = self.panels.iter().map(|panel| panel.series.len()).max().unwrap_or(0);
            let height = AXES + 40 + ENTRY * entries.div_ceil(ABREAST) as u32;
            let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
            root.fill(&WHITE)?;
            let root = root.titled(&self.title, ("sans-serif", 22))?;
            for (area, panel) in
                root.split_evenly((1, self.panels.len().max(1))).iter().zip(&self.panels)
            {
                self.draw(area, panel)?;
            }
            root.present()?;
        }
        Ok(svg)
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, plotters::coord::Shift>,
        panel: &Panel,
    ) -> Result<(), Box<dyn Error>>
    where
        B::ErrorType: 'static,
    {
        let points = || panel.series.iter().flat_map(|series| &series.points);
        let positive = |y: &f64| *y > 0.0 && y.is_finite();
        let low = points().map(|p| p.1).filter(positive).fold(f64::INFINITY, f64::min);
        let high = points().map(|p| p.3).filter(positive).fold(0.0, f64::max);
        let right = points().map(|p| p.0).fold(0.0, f64::max);
        let left = points().map(|p| p.0).filter(positive).fold(f64::INFINITY, f64::min);
        if !(low <= high && right > 0.0) {
            return Ok(());
        }
        let (axes, legend) = area.split_vertically(AXES);
        let mut builder = ChartBuilder::on(&axes);
        builder
            .caption(&panel.title, ("sans-serif", 16))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64);
        let y = (low / 1.3..high * 1.3).log_scale();
        if self.log_x {
            let x = (left / 1.1..right * 1.1).log_scale();
            self.lines(builder.build_cartesian_2d(x, y)?, &legend, panel)
        } else {
            self.lines(builder.build_cartesian_2d(0.0..right, y)?, &legend, panel)
        }
    }

    fn lines<B: DrawingBackend, X: Ranged<ValueType = f64> + ValueFormatter<f64>>(
        &self,
        mut chart: ChartContext<'_, B, Cartesian2d<X, LogCoord<f64>>>,
        legend: &DrawingArea<B, plotters::coord::Shift>,
        panel: &Panel,
    ) -> Result<(), Box<dyn Error>>
    where
        B::ErrorType: 'static,
    {
        let positive = |y: &f64| *y > 0.0 && y.is_finite();
        let long = self.log_x && panel.series.iter().flat_map(|s| &s.points).any(|p| p.0 >= 1e4);
        let x_text = |x: &f64| if long { format!("{x:.0e}") } else { format!("{x:.0}") };
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(225, 225, 225))
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .x_label_formatter(&x_text)
            .y_label_formatter(&|y| format!("{y:.1e}"))
            .draw()?;
        for (index, series) in panel.series.iter().enumerate() {
            let colour = COLOURS[series.colour % COLOURS.len()];
            let shown = || series.points.iter().filter(|p| positive(&p.1) && positive(&p.3));
            if series.accented {
                let up = shown().map(|p| (p.0, p.3));
                let down = shown().rev().map(|p| (p.0, p.1));
                let band: Vec<_> = up.chain(down).collect();
                chart.draw_series([Polygon::new(band, colour.mix(0.15))])?;
            }
            let style = colour.stroke_width(if series.accented { 3 } else { 1 });
            chart.draw_series(LineSeries::new(shown().map(|p| (p.0, p.2)), style))?;
            // Below the axes, where it hides no line.
            let x = 76 + ENTRY_WIDTH * (index % ABREAST) as i32;
            let y = 8 + (ENTRY as usize * (index / ABREAST)) as i32;
            legend.draw(&PathElement::new([(x, y), (x + 22, y)], style))?;
            legend.draw(&Text::new(series.name.as_str(), (x + 30, y - 6), ("sans-serif", 12)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64, f64, f64)>) -> Chart {
        let series = Series { name: "a<b & c".to_owned(), colour: 7, accented: true, points };
        Chart {
            title: "loss".to_owned(),
            x_label: "cost".to_owned(),
            y_label: "loss".to_owned(),
            log_x: false,
            panels: vec![Panel { title: "one".to_owned(), series: vec![series] }; 2],
        }
    }

    /// Every element is closed in its turn, and no `<` or `&` stands for itself.
    fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        for piece in svg.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').expect("a tag ends");
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => (),
                None => open.push(tag.split_whitespace().next().expect("a tag has a name")),
            }
            for entity in text.split('&').skip(1) {
                assert!(
                    ["lt;", "gt;", "amp;", "quot;", "apos;"].iter().any(|e| entity.starts_with(e))
                );
            }
        }
        assert!(svg.starts_with("<svg") && open.is_empty(), "{open:?}");
    }

    #[test]
    fn a_chart_is_well_formed_svg() {
        let svg = chart(vec![(1.0, 0.5, 1.0, 2.0), (2.0, 0.1, 0.2, 0.4)]).to_svg().unwrap();
        assert_well_formed(&svg);
        assert_eq!(svg.matches("a&lt;b &amp; c").count(), 2);
        assert_eq!(svg.matches("<polygon").count(), 2);
        assert!(svg.matches("<polyline").count() >= 2);
    }

    #[test]
    fn both_axes_may_be_logarithmic() {
        let points = vec![(0.0, 1.0, 1.0, 1.0), (1e3, 2.0, 2.0, 2.0), (1e7, 2e4, 2e4, 2e4)];
        let svg = Chart { log_x: true, ..chart(points) }.to_svg().unwrap();
        assert_well_formed(&svg);
        assert!(svg.contains("1e3") && svg.contains("1e7"), "{svg}");
    }

    /// Zero has no logarithm, and a run may overflow.
    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        let bad = vec![(1.0, 0.0, 1.0, 2.0), (2.0, 1.0, 2.0, inf), (3.0, nan, nan, nan)];
        let mixed = [&bad[..], &[(4.0, 1.0, 1.0, 1.0)]].concat();
        for points in [vec![], bad, mixed] {
            let svg = chart(points).to_svg().unwrap();
            assert_well_formed(&svg);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
