//! Memory for columns, laid out as caches like it.

/// Bytes of a cache line.
const LINE: usize = 64;

/// `depth` columns of `n` elements, of which each begins a cache line, so that no register's width of
/// them lies on two. They are an odd number of lines apart, and so begin in different sets of a cache, a
/// power of two in number: those a page apart would all begin in one, and push each other out.
#[derive(Debug)]
pub(crate) struct Columns<T> {
    /// With room for a line more than the columns take.
    values: Vec<T>,
    stride: usize,
    depth: usize,
}

impl<T: Clone> Columns<T> {
    pub(crate) fn new(n: usize, depth: usize, value: T) -> Self {
        let line = LINE / size_of::<T>();
        let stride = (n.div_ceil(line) | 1).saturating_mul(line);
        let values = vec![value; stride.saturating_mul(depth).saturating_add(line)];
        Self { values, stride, depth }
    }

    /// Elements from the beginning of a column to that of the next.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        let start = self.values.as_ptr().align_offset(LINE);
        &mut self.values[start..][..self.stride * self.depth]
    }
}

impl<T: Clone> Clone for Columns<T> {
    fn clone(&self) -> Self {
        // A copy lies elsewhere, and may begin its first line at another element.
        let mut clone = Self { values: self.values.clone(), ..*self };
        let start = self.values.as_ptr().align_offset(LINE);
        clone.as_mut_slice().clone_from_slice(&self.values[start..][..self.stride * self.depth]);
        clone
    }
}

#[cfg(test)]
mod tests {
    use super::{Columns, LINE};

    #[test]
    fn a_clone_has_the_columns_where_its_own_lines_begin() {
        let mut columns = Columns::new(100, 3, 0i16);
        assert_eq!(columns.stride(), 160);
        // Not 1,024, which would be a page.
        assert_eq!(Columns::new(1000, 3, 0.0f32).stride(), 1008);
        for (value, element) in (0..).zip(columns.as_mut_slice()) {
            *element = value;
        }
        let mut clones = vec![columns.clone(); 8];
        for clone in &mut clones {
            let slice = clone.as_mut_slice();
            assert_eq!(slice.as_ptr().align_offset(LINE), 0);
            assert_eq!(slice, columns.as_mut_slice());
        }
    }
}
