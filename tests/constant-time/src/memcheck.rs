//! Client requests to valgrind's memcheck, as `valgrind.h` and `memcheck.h` make them in C. Outside valgrind they do
//! nothing.

#![expect(unsafe_code, reason = "valgrind is asked by a row of instructions that do nothing elsewhere")]

use std::{arch::asm, ffi::c_void};

/// Whether valgrind runs the program.
pub(crate) fn is_running() -> bool {
    request(0x1001, 0, 0) != 0
}

/// How many errors memcheck has found so far. An error in the same place counts each time.
pub(crate) fn errors() -> usize {
    request(0x1201, 0, 0)
}

/// Marks the bytes as undefined. From then on, a branch or an address that depends on any of their bits is an error.
pub(crate) fn make_undefined(bytes: &mut [u8]) {
    request(MEMCHECK + 1, bytes.as_mut_ptr() as usize, bytes.len());
}

/// Runs `work` without looking for errors. Undefined bits stay undefined.
pub(crate) fn without_errors<T>(work: impl FnOnce() -> T) -> T {
    request(CHANGE_REPORTING, 1, 0);
    let result = work();
    request(CHANGE_REPORTING, usize::MAX, 0);
    result
}

/// `VG_USERREQ_TOOL_BASE('M', 'C')`.
const MEMCHECK: usize = (b'M' as usize) << 24 | (b'C' as usize) << 16;

/// `VG_USERREQ__CHANGE_ERR_DISABLEMENT`.
const CHANGE_REPORTING: usize = 0x1801;

/// Makes a client request. The answer is 0 outside valgrind.
fn request(code: usize, one: usize, two: usize) -> usize {
    let words = [code, one, two, 0, 0, 0];
    let answer;
    // SAFETY: the four rotations turn `rdi` by 128 bits in all, and the exchange is of a register with itself: the
    // state of the processor does not change. Valgrind recognises the sequence, reads the six words, which live long
    // enough, and writes `rdx`. It does not change the memory that the requests point to, only its own records about
    // it.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") words.as_ptr().cast::<c_void>(),
            inout("rdx") 0_usize => answer,
        );
    }
    answer
}
