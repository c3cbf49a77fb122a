//! `cargo xtask graph`

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::Common;
use crate::environment::Switch;
use crate::graph::{Node, Shape};
use crate::project::Project;
use crate::ui::Ui;

/// Print the environment as a picture: what is declared, and what needs what. Asks AWS nothing.
#[derive(Args)]
pub(crate) struct Arguments {
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    #[default]
    Mermaid,
    Dot,
    Svg,
}

pub(crate) async fn run(arguments: &Arguments, common: &Common, ui: &Ui) -> Result<ExitCode> {
    let project = Project::read(ui, common)?;
    let mut declaration = project.declaration().await?;
    declaration.identity_center = Switch::On;
    let (e, _) = project.wanted(&declaration);
    ui.result(match arguments.format {
        Format::Mermaid => mermaid(&e.shape),
        Format::Dot => dot(&e.shape),
        Format::Svg => svg(&e.shape),
    });
    Ok(ExitCode::SUCCESS)
}

/// What each entry needs directly: what its needs need is not drawn again.
fn edges(shape: &Shape) -> Vec<(Node, Node)> {
    let direct = |node: Node| {
        let needs: Vec<Node> = shape.needs(node).collect();
        needs
            .clone()
            .into_iter()
            .filter(move |need| !needs.iter().any(|other| other != need && reaches(shape, *other, *need)))
    };
    shape.nodes().flat_map(|node| direct(node).map(move |need| (node, need))).collect()
}

fn reaches(shape: &Shape, from: Node, to: Node) -> bool {
    shape.needs(from).any(|need| need == to || reaches(shape, need, to))
}

fn name(shape: &Shape, Node(index): Node) -> (&'static str, &str) {
    let label = &shape.entries[index].label;
    (label.kind, &label.name)
}

fn mermaid(shape: &Shape) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for node in shape.nodes() {
        let (kind, name) = name(shape, node);
        // Writing to a string does not fail.
        writeln!(text, "  n{}[\"{kind}<br/>{name}\"]", node.0).ok();
    }
    for (node, need) in edges(shape) {
        writeln!(text, "  n{} --> n{}", need.0, node.0).ok();
    }
    text.trim_end().to_owned()
}

fn dot(shape: &Shape) -> String {
    let mut text = "digraph environment {\n  rankdir=LR\n  node [shape=box]\n".to_owned();
    for node in shape.nodes() {
        let (kind, name) = name(shape, node);
        writeln!(text, "  n{} [label=\"{kind}\\n{name}\"]", node.0).ok();
    }
    for (node, need) in edges(shape) {
        writeln!(text, "  n{} -> n{}", need.0, node.0).ok();
    }
    text + "}"
}

/// Width and height of a box, and the room between columns and rows, in pixels.
const BOX: (usize, usize) = (240, 40);
const GAP: (usize, usize) = (70, 14);

/// Columns by the longest way from the start, rows as declared.
fn svg(shape: &Shape) -> String {
    let mut columns: Vec<usize> = Vec::new();
    for node in shape.nodes() {
        columns.push(shape.needs(node).map(|Node(need)| columns[need] + 1).max().unwrap_or(0));
    }
    let mut rows = vec![0; columns.len() + 1];
    let places: Vec<(usize, usize)> = columns
        .iter()
        .map(|column| {
            rows[*column] += 1;
            (column * (BOX.0 + GAP.0) + 10, (rows[*column] - 1) * (BOX.1 + GAP.1) + 10)
        })
        .collect();
    let width = (columns.iter().max().unwrap_or(&0) + 1) * (BOX.0 + GAP.0);
    let height = rows.iter().max().unwrap_or(&0) * (BOX.1 + GAP.1) + 20;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n"
    );
    for (node, need) in edges(shape) {
        let ((x1, y1), (x2, y2)) = (places[need.0], places[node.0]);
        let (x1, y1, y2) = (x1 + BOX.0, y1 + BOX.1 / 2, y2 + BOX.1 / 2);
        let bend = GAP.0 / 2;
        writeln!(
            text,
            "<path d=\"M{x1} {y1} C{} {y1} {} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#889\"/>",
            x1 + bend,
            x2 - bend.min(x2)
        )
        .ok();
    }
    for node in shape.nodes() {
        let ((kind, name), (x, y)) = (name(shape, node), places[node.0]);
        writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"#eef3fb\" stroke=\"#557\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"#557\">{kind}</text><text x=\"{}\" y=\"{}\" font-weight=\"bold\">{name}</text>",
            BOX.0, BOX.1, x + 8, y + 16, x + 8, y + 31
        ).ok();
    }
    text + "</svg>"
}
