//! Sorted, merged ranges of numbers.

/// Disjoint ranges in ascending order, with at least one number missing between two of them.
///
/// The first and last numbers are in separate vectors, so that a search reads half as much memory.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges<T> {
    firsts: Box<[T]>,
    lasts: Box<[T]>,
}

impl<T: Copy + Ord + Into<u128>> Ranges<T> {
    /// Sorts and merges ranges, each from its first number to its last.
    pub(super) fn new(mut ranges: Vec<(T, T)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if first.into() <= (*end).into().saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        let (firsts, lasts): (Vec<T>, Vec<T>) = merged.into_iter().unzip();
        Self { firsts: firsts.into(), lasts: lasts.into() }
    }

    /// Whether `number` is in one of them, in logarithmic time.
    pub(super) fn contains(&self, number: T) -> bool {
        let after = self.firsts.partition_point(|first| *first <= number);
        after.checked_sub(1).and_then(|at| self.lasts.get(at)).is_some_and(|last| number <= *last)
    }

    pub(super) fn len(&self) -> usize {
        self.firsts.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (T, T)> {
        self.firsts.iter().copied().zip(self.lasts.iter().copied())
    }

    /// How many numbers from `first` to `last` are in them; saturates at 2^128 - 1.
    pub(super) fn overlap(&self, first: T, last: T) -> u128 {
        let start = self.lasts.partition_point(|end| *end < first);
        let touching = self.iter().skip(start).take_while(|(begin, _)| *begin <= last);
        touching.fold(0, |sum: u128, (begin, end)| sum.saturating_add(size(begin.max(first), end.min(last))))
    }
}

/// How many numbers there are from `first` to `last`; saturates at 2^128 - 1.
pub(super) fn size<T: Into<u128>>(first: T, last: T) -> u128 {
    (last.into() - first.into()).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_overlap_or_touch_become_one() {
        let ranges = Ranges::new(vec![(5_u32, 9), (0, 1), (2, 3), (20, u32::MAX), (7, 12), (8, 8), (30, 40)]);
        assert!(ranges.iter().eq([(0, 3), (5, 12), (20, u32::MAX)]));
        let inside = [0, 3, 5, 12, 20, u32::MAX];
        assert!(inside.iter().all(|number| ranges.contains(*number)));
        assert!([4, 13, 19].iter().all(|number| !ranges.contains(*number)));
        assert!(!Ranges::<u128>::default().contains(0));
    }

    #[test]
    fn an_overlap_counts_each_number_once() {
        let ranges = Ranges::new(vec![(10_u128, 19), (30, 39)]);
        assert_eq!(ranges.overlap(0, u128::MAX), 20);
        assert_eq!((ranges.overlap(15, 32), ranges.overlap(20, 29), ranges.overlap(39, 39)), (8, 0, 1));
        assert_eq!(Ranges::new(vec![(0, u128::MAX)]).overlap(0, u128::MAX), u128::MAX);
    }
}
