#[cfg_attr(not(test), expect(dead_code, reason = "the commands that use it come next"))]
#[expect(unused_imports, reason = "the commands that use it come next")]
mod image;

fn main() {}
