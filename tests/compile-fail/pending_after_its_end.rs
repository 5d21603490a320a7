//! Behind the verdict nothing is added to what was judged.

use countersign::Pending;

fn more(mut pending: Pending<'_>) {
    let _ = pending.finish();
    pending.update(b"more"); //~ E0382
}

fn main() {
    let _ = more;
}
