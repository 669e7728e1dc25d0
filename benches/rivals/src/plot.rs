//! The results drawn: a panel for each question, a bar for each contestant.

use std::path::Path;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::limits;
use crate::plan::{Contestant, Load, Row, Workload};
use crate::results::{self, Results};

const WIDTH: u32 = 1200;
const PANEL_HEIGHT: u32 = 300;
const COLUMNS: usize = 2;
const HEAD: u32 = 70;
/// The smallest latency on an axis, in milliseconds.
const MILLIS_MIN: f64 = 0.02;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Bars side by side: for each group, a bar for each contestant that has a figure there.
struct Panel {
    title: String,
    groups: Vec<String>,
    bars: Vec<(usize, Contestant, f64)>,
    logarithmic: bool,
    /// A limit of the machine, as a line across.
    limit: Option<(&'static str, f64)>,
}

/// Draws all panels that have figures.
pub fn draw(results: &Results, path: &Path) -> anyhow::Result<()> {
    let panels: Vec<Panel> = panels(results).into_iter().filter(|p| !p.bars.is_empty()).collect();
    let lines = panels.len().div_ceil(COLUMNS).max(1);
    let height = HEAD + PANEL_HEIGHT * u32::try_from(lines)?;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE).map_err(drawing)?;
    let (head, body) = root.split_vertically(HEAD);
    legend(&head).map_err(drawing)?;
    for (area, panel) in body.split_evenly((lines, COLUMNS)).iter().zip(&panels) {
        panel.draw(area)?;
    }
    root.present().map_err(drawing)
}

fn drawing<E: std::fmt::Display>(error: E) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}

const fn color(contestant: Contestant) -> RGBColor {
    match contestant {
        Contestant::OttlaFsync => RGBColor(0, 90, 160),
        Contestant::OttlaFsyncEach => RGBColor(90, 150, 210),
        Contestant::OttlaFsyncKafka => RGBColor(150, 190, 230),
        Contestant::OttlaRelaxed => RGBColor(0, 150, 136),
        Contestant::Kafka => RGBColor(230, 120, 20),
        Contestant::KafkaFlush => RGBColor(180, 50, 30),
        Contestant::OttlaFsyncJava => RGBColor(120, 120, 200),
        Contestant::KafkaFlushJava => RGBColor(210, 110, 90),
        Contestant::KafkaJava => RGBColor(240, 190, 110),
    }
}

fn legend(area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
    let title = "Ottla and Apache Kafka, client and broker on one machine; medians of one run";
    area.draw(&Text::new(title, (20, 12), ("sans-serif", 20)))?;
    for (index, contestant) in Contestant::ALL.into_iter().enumerate() {
        let x = 20 + 166 * i32::try_from(index)?;
        area.draw(&Rectangle::new([(x, 44), (x + 12, 56)], color(contestant).filled()))?;
        area.draw(&Text::new(contestant.name(), (x + 17, 44), ("sans-serif", 12)))?;
    }
    Ok(())
}

fn panels(results: &Results) -> Vec<Panel> {
    let full = |row: &Row| row.load == Load::Full && !row.turn;
    let produce = |row: &Row| row.workload == Workload::Produce && full(row);
    let size = |row: &Row| match row.record_bytes {
        small if small < 1024 => format!("{small} B"),
        large => format!("{} KiB", large / 1024),
    };
    let partitions = |row: &Row| format!("{} partitions", row.partitions);
    let journal =
        results.limit(limits::JOURNAL).map(|l| ("journal + segments", l.bytes_per_second / 1e6));
    let mut by_size = collect(results, "Produce, 16 partitions, MB/s", results::BYTES, 1e-6, |r| {
        (produce(r) && r.partitions == 16).then(|| size(r))
    });
    by_size.limit = journal;
    let by_partitions = collect(results, "Produce, 1 KiB, MB/s", results::BYTES, 1e-6, |r| {
        (produce(r) && r.record_bytes == 1024).then(|| partitions(r))
    });
    let records = collect(
        results,
        "Produce, 16 partitions, million records/s",
        results::RECORDS,
        1e-6,
        |r| (produce(r) && r.partitions == 16 && r.record_bytes <= 1024).then(|| size(r)),
    );
    let reading = |r: &Row| {
        matches!(r.workload, Workload::Catchup | Workload::CatchupAgain) && r.partitions == 16
    };
    let read =
        collect(results, "Read from files, 16 partitions, MB/s", results::BYTES, 1e-6, |r| {
            let again = if r.workload == Workload::Catchup { "" } else { ", again" };
            reading(r).then(|| format!("{}{again}", size(r)))
        });
    let broker_cpu = collect(
        results,
        "Broker, CPU seconds per GB, 16 partitions",
        results::BROKER_CPU,
        1.0,
        |r| {
            let reads = if reading(r) { "read" } else { "produce" };
            let shown = r.partitions == 16 && (produce(r) || r.workload == Workload::Catchup);
            shown.then(|| format!("{reads} {}", size(r)))
        },
    );
    let mut panels = vec![by_size, by_partitions, records, read, broker_cpu];
    panels.push(collect(
        results,
        "Client, CPU seconds per GB, 16 partitions",
        results::CLIENT_CPU,
        1.0,
        |r| {
            let reads = if reading(r) { "read" } else { "produce" };
            let shown = r.partitions == 16 && (produce(r) || r.workload == Workload::Catchup);
            shown.then(|| format!("{reads} {}", size(r)))
        },
    ));
    for (workload, what) in
        [(Workload::Produce, "to the acknowledgement"), (Workload::Tail, "to the reader")]
    {
        for load in [Load::Rate(1_000.0), Load::Half] {
            let is = move |r: &Row| {
                (r.workload, r.load, r.partitions, r.record_bytes, r.turn)
                    == (workload, load, 16, 1024, false)
            };
            let load =
                if load == Load::Half { "half of the full load".to_owned() } else { load.name() };
            panels.push(latencies(results, format!("Milliseconds {what}, 1 KiB, {load}"), is));
        }
    }
    panels.push(collect(results, "Start to first answer, ms", results::RESTART, 1.0, |r| {
        (r.workload == Workload::Start).then(|| format!("{}, after kill -9", partitions(r)))
    }));
    panels
}

/// One figure of the rows that `group` names.
fn collect(
    results: &Results,
    title: &str,
    figure: &str,
    scale: f64,
    group: impl Fn(&Row) -> Option<String>,
) -> Panel {
    let (mut groups, mut bars) = (Vec::new(), Vec::new());
    for (index, row) in results.rows.iter().enumerate() {
        let Some(name) = group(row) else { continue };
        let found =
            row.contestants.iter().filter_map(|c| Some((*c, results.figure(index, *c, figure)?)));
        bars.extend(found.map(|(contestant, figure)| (groups.len(), contestant, figure * scale)));
        groups.push(name);
    }
    Panel { title: title.to_owned(), groups, bars, logarithmic: false, limit: None }
}

/// All latencies of one row.
fn latencies(results: &Results, title: String, is: impl Fn(&Row) -> bool) -> Panel {
    let names = [
        ("p50", results::P50),
        ("p99", results::P99),
        ("p999", results::P999),
        ("worst", results::WORST),
    ];
    let mut bars = Vec::new();
    if let Some(index) = results.find(is) {
        for (group, (_, figure)) in names.iter().enumerate() {
            for contestant in &results.rows[index].contestants {
                let micros = results.figure(index, *contestant, figure);
                bars.extend(micros.map(|micros| (group, *contestant, micros / 1000.0)));
            }
        }
    }
    let groups = names.map(|(name, _)| name.to_owned()).to_vec();
    Panel { title, groups, bars, logarithmic: true, limit: None }
}

impl Panel {
    fn draw(&self, area: &Area<'_>) -> anyhow::Result<()> {
        let most =
            self.bars.iter().map(|bar| bar.2).chain(self.limit.map(|l| l.1)).fold(0.0, f64::max);
        let across = 0.0..self.groups.len() as f64;
        let mut chart = ChartBuilder::on(area);
        chart.caption(&self.title, ("sans-serif", 16)).margin(12);
        chart.x_label_area_size(22).y_label_area_size(56);
        if self.logarithmic {
            let up = (MILLIS_MIN..most.max(MILLIS_MIN) * 1.5).log_scale();
            self.fill(chart.build_cartesian_2d(across, up).map_err(drawing)?, MILLIS_MIN)
        } else {
            self.fill(chart.build_cartesian_2d(across, 0.0..most * 1.1).map_err(drawing)?, 0.0)
        }
    }

    fn fill<Y>(
        &self,
        mut chart: ChartContext<
            '_,
            SVGBackend<'_>,
            Cartesian2d<plotters::coord::types::RangedCoordf64, Y>,
        >,
        least: f64,
    ) -> anyhow::Result<()>
    where
        Y: Ranged<ValueType = f64> + plotters::coord::ranged1d::ValueFormatter<f64>,
    {
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh().disable_x_axis().y_labels(6).light_line_style(TRANSPARENT);
        mesh.y_label_formatter(&|figure| short(*figure)).draw().map_err(drawing)?;
        for (group, name) in self.groups.iter().enumerate() {
            let here: Vec<_> = self.bars.iter().filter(|bar| bar.0 == group).collect();
            let width = 0.8 / here.len().max(1) as f64;
            for (place, (_, contestant, figure)) in here.iter().enumerate() {
                let x = group as f64 + 0.1 + width * place as f64;
                let corners = [(x, least), (x + width * 0.92, figure.max(least))];
                chart
                    .draw_series([Rectangle::new(corners, color(*contestant).filled())])
                    .map_err(drawing)?;
                let above = (x, figure.max(least));
                let size = if here.len() > 4 { 9 } else { 11 };
                let number = EmptyElement::at(above)
                    + Text::new(short(*figure), (0, -13), ("sans-serif", size));
                chart.draw_series([number]).map_err(drawing)?;
            }
            let below = EmptyElement::at((group as f64 + 0.1, least))
                + Text::new(name.clone(), (0, 6), ("sans-serif", 12));
            chart.draw_series([below]).map_err(drawing)?;
        }
        if let Some((name, figure)) = self.limit {
            let across = [(0.0, figure), (self.groups.len() as f64, figure)];
            chart
                .draw_series([PathElement::new(across, BLACK.stroke_width(1))])
                .map_err(drawing)?;
            let label =
                EmptyElement::at((0.02, figure)) + Text::new(name, (0, -13), ("sans-serif", 11));
            chart.draw_series([label]).map_err(drawing)?;
        }
        Ok(())
    }
}

/// A number in few characters.
fn short(number: f64) -> String {
    match number {
        n if n >= 1000.0 => format!("{n:.0}"),
        n if n >= 10.0 => format!("{n:.0}"),
        n if n >= 1.0 => format!("{n:.1}"),
        n => format!("{n:.2}"),
    }
}
