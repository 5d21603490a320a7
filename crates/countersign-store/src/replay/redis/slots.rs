//! The slots of a cluster, and which node has which of them.

use redis::Value;

/// A node, by its host and port.
pub(super) type Address = (String, u16);

/// The nodes of a cluster and their slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots {
    /// Sorted by their first slots.
    ranges: Vec<Range>,
    pub(super) replicas: Vec<Address>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    first: u16,
    last: u16,
    master: Address,
}

/// The number of slots of a cluster.
const SLOTS: u16 = 16_384;

impl Slots {
    /// Parses the answer to `CLUSTER SLOTS`. A node without a host name is at the host that was asked. `None` if the
    /// answer has another form.
    pub(super) fn of(answer: &Value, host: &str) -> Option<Self> {
        let Value::Array(entries) = answer else { return None };
        let mut slots = Self::default();
        for entry in entries {
            let Value::Array(entry) = entry else { return None };
            let [Value::Int(first), Value::Int(last), master, replicas @ ..] = &**entry else { return None };
            let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
            slots.ranges.push(Range { first, last, master: address(master, host)? });
            slots.replicas.extend(replicas.iter().filter_map(|replica| address(replica, host)));
        }
        slots.ranges.sort_unstable_by_key(|range| range.first);
        // A replica is listed once for every range of its master.
        slots.replicas.sort_unstable();
        slots.replicas.dedup();
        Some(slots)
    }

    /// The node that has a slot.
    pub(super) fn master(&self, slot: u16) -> Option<&Address> {
        let at = self.ranges.partition_point(|range| range.first <= slot).checked_sub(1)?;
        let range = &self.ranges[at];
        (slot <= range.last).then_some(&range.master)
    }

    /// Whether there are no slots: the node that answered is in no cluster.
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(super) fn masters(&self) -> impl Iterator<Item = &Address> {
        self.ranges.iter().map(|range| &range.master)
    }
}

fn address(node: &Value, asked: &str) -> Option<Address> {
    let Value::Array(node) = node else { return None };
    let [host, Value::Int(port), ..] = &**node else { return None };
    let host = match host {
        Value::BulkString(host) if !host.is_empty() => str::from_utf8(host).ok()?,
        _ => asked,
    };
    Some((host.to_owned(), u16::try_from(*port).ok()?))
}

/// The slot of a key: the hash of what is between its first braces, or of the whole key if there is nothing.
pub(super) fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_match_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot("foo"), 12_182);
        assert_eq!(slot("{user1000}.following"), slot("user1000"));
        assert_eq!(slot("countersign:{foo}"), 12_182);
        assert_eq!(slot("foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot("foo{{bar}}zap"), slot("{bar"));
    }

    fn node(host: Value, port: i64) -> Value {
        Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec()), Value::Array(Vec::new())])
    }

    #[test]
    fn a_slot_has_its_master_and_an_unassigned_slot_has_none() {
        let named = |host: &str| Value::BulkString(host.as_bytes().to_vec());
        let answer = Value::Array(vec![
            Value::Array(vec![Value::Int(9000), Value::Int(16_383), node(named("b"), 2), node(named("c"), 3)]),
            Value::Array(vec![Value::Int(0), Value::Int(8000), node(Value::Nil, 1), node(named(""), 4)]),
            Value::Array(vec![Value::Int(8500), Value::Int(8600), node(named("b"), 2), node(named("c"), 3)]),
        ]);
        let slots = Slots::of(&answer, "a").unwrap();
        let (a, b) = (("a".to_owned(), 1), ("b".to_owned(), 2));
        assert_eq!([0, 8000, 9000, 16_383].map(|slot| slots.master(slot)), [Some(&a), Some(&a), Some(&b), Some(&b)]);
        assert_eq!((slots.master(8001), slots.master(8999)), (None, None));
        assert_eq!(slots.replicas, [("a".to_owned(), 4), ("c".to_owned(), 3)]);
        assert_eq!(Slots::of(&Value::Okay, "a"), None);
        assert_eq!(Slots::default().master(0), None);
    }
}
