#[test]
fn arrows() {}
