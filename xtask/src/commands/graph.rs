//! `cargo xtask graph`

use std::cmp::Ordering;
use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::Common;
use crate::environment::Switch;
use crate::graph::{Node, Shape};
use crate::project::Project;
use crate::ui::Ui;
use crate::ui::text::group;

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
    // Once it was seen, its address is in foothold.toml.
    if project.config.identity_center.is_some() {
        declaration.identity_center = Switch::On;
    }
    let (e, _) = project.wanted(&declaration);
    if common.json {
        ui.json(&edges_and_nodes(&e.shape));
        return Ok(ExitCode::SUCCESS);
    }
    ui.result(match arguments.format {
        Format::Mermaid => mermaid(&e.shape),
        Format::Dot => dot(&e.shape),
        Format::Svg => svg(&e.shape),
    });
    Ok(ExitCode::SUCCESS)
}

fn edges_and_nodes(shape: &Shape) -> Value {
    let nodes: Vec<_> = shape.nodes().map(|node| json!({"id": node.0, "label": shape.label(node)})).collect();
    let edges = edges(shape).into_iter().map(|(node, need)| json!({"from": need.0, "to": node.0}));
    json!({"nodes": nodes, "edges": edges.collect::<Vec<_>>()})
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

fn name(shape: &Shape, node: Node) -> (&'static str, &str) {
    let label = shape.label(node);
    (label.kind, &label.name)
}

/// The accounts and what is in each, in their order.
fn groups(shape: &Shape) -> Vec<(String, Vec<Node>)> {
    let mut groups: Vec<(String, Vec<Node>)> = Vec::new();
    for node in shape.nodes() {
        // An account heads what is in it.
        let label = shape.label(node);
        let group = if label.kind == "account" { format!("Account {}", label.name) } else { group(label) };
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, nodes)) => nodes.push(node),
            None => groups.push((group, vec![node])),
        }
    }
    // Lines between accounts would cross it.
    groups.sort_by_key(|(_, nodes)| shape.label(nodes[0]).kind == "profile");
    groups
}

fn mermaid(shape: &Shape) -> String {
    let mut text = "flowchart LR\n".to_owned();
    // Writing to a string does not fail.
    for (index, (group, nodes)) in groups(shape).iter().enumerate() {
        writeln!(text, "  subgraph g{index}[\"{group}\"]").ok();
        for node in nodes {
            let (kind, name) = name(shape, *node);
            writeln!(text, "    n{}[\"{kind}<br/>{name}\"]", node.0).ok();
        }
        writeln!(text, "  end").ok();
    }
    for (node, need) in edges(shape) {
        writeln!(text, "  n{} --> n{}", need.0, node.0).ok();
    }
    text.trim_end().to_owned()
}

fn dot(shape: &Shape) -> String {
    let mut text = "digraph environment {\n  rankdir=LR\n  node [shape=box]\n".to_owned();
    for (index, (group, nodes)) in groups(shape).iter().enumerate() {
        writeln!(text, "  subgraph cluster_{index} {{\n    label=\"{group}\"").ok();
        for node in nodes {
            let (kind, name) = name(shape, *node);
            writeln!(text, "    n{} [label=\"{kind}\\n{name}\"]", node.0).ok();
        }
        writeln!(text, "  }}").ok();
    }
    for (node, need) in edges(shape) {
        writeln!(text, "  n{} -> n{}", need.0, node.0).ok();
    }
    text + "}"
}

/// Width and height of a box, and the room between columns and rows, in pixels.
const BOX: (usize, usize) = (330, 40);
const GAP: (usize, usize) = (90, 12);
/// Around the boxes of an account, with room for its name above them.
const FRAME: (usize, usize) = (14, 40);

/// A column for each account; from what is needed an arrow goes to what needs it.
fn svg(shape: &Shape) -> String {
    let groups = groups(shape);
    let mut places = vec![(0, 0, 0); shape.entries.len()];
    for (column, (_, nodes)) in groups.iter().enumerate() {
        for (row, node) in nodes.iter().enumerate() {
            let x = column * (BOX.0 + 2 * FRAME.0 + GAP.0) + FRAME.0 + 10;
            places[node.0] = (column, x, row * (BOX.1 + GAP.1) + FRAME.1 + 10);
        }
    }
    let tall = |rows: usize| rows * (BOX.1 + GAP.1) + FRAME.1;
    let rows = groups.iter().map(|(_, nodes)| nodes.len()).max().unwrap_or(0);
    let (width, height) = (groups.len() * (BOX.0 + 2 * FRAME.0 + GAP.0), tall(rows) + 20);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n<marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"#779\"/></marker>\n"
    );
    for (group, nodes) in &groups {
        let Some((_, x, y)) = nodes.first().map(|node| places[node.0]) else { continue };
        let (left, top) = (x - FRAME.0, y - FRAME.1);
        let (wide, tall) = (BOX.0 + 2 * FRAME.0, tall(nodes.len()));
        writeln!(
            text,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{tall}\" rx=\"8\" fill=\"#f7f7f9\" \
             stroke=\"#bbc\"/><text x=\"{x}\" y=\"{}\" font-size=\"15\" fill=\"#334\">{group}</text>",
            top + 26
        )
        .ok();
    }
    for (node, need) in edges(shape) {
        text += &line(places[need.0], places[node.0]);
    }
    for node in shape.nodes() {
        let ((kind, name), (_, x, y)) = (name(shape, node), places[node.0]);
        writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"#eef3fb\" stroke=\"#557\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"#557\" font-size=\"11\">{kind}</text>\
             <text x=\"{}\" y=\"{}\">{name}</text>",
            BOX.0,
            BOX.1,
            x + 8,
            y + 16,
            x + 8,
            y + 32
        )
        .ok();
    }
    text + "</svg>"
}

/// From a box to one in another column, from side to side; to one in its own, around what is between.
fn line((from, x1, y1): (usize, usize, usize), (to, x2, y2): (usize, usize, usize)) -> String {
    let (y1, y2, bend) = (y1 + BOX.1 / 2, y2 + BOX.1 / 2, GAP.0);
    let (x1, x2, b1, b2) = match from.cmp(&to) {
        Ordering::Equal => {
            let (side, bend) = (x1 + BOX.0, x1 + BOX.0 + 12 + y1.abs_diff(y2).min(900) / 10);
            (side, side, bend, bend)
        }
        Ordering::Less => (x1 + BOX.0, x2, x1 + BOX.0 + bend, x2 - bend),
        Ordering::Greater => (x1, x2 + BOX.0, x1.saturating_sub(bend), x2 + BOX.0 + bend),
    };
    format!(
        "<path d=\"M{x1} {y1} C{b1} {y1} {b2} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#99b\" \
             marker-end=\"url(#head)\"/>\n"
    )
}
