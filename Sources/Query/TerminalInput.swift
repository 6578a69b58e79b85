// SPDX-License-Identifier: Apache-2.0
//
// The C edge of the shell: a terminal's raw mode, and octets from standard input.

import Glibc

/// Standard input.
final class TerminalInput {
    private var saved = termios()
    private var isRaw = false
    private var octets: [UInt8] = []
    private var position = 0

    deinit { leaveRawMode() }

    static var isTerminal: Bool { isatty(0) == 1 && isatty(1) == 1 }

    /// Columns of the terminal.
    static var width: Int {
        var size = winsize()
        // Safe: the call writes one `winsize`.
        let status = unsafe ioctl(1, UInt(TIOCGWINSZ), &size)
        return status == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Has every key come as it is pressed, without echo. False where standard input is no terminal.
    func enterRawMode() -> Bool {
        // Safe: the calls read and write one `termios` of our own.
        guard unsafe tcgetattr(0, &saved) == 0 else { return false }
        var raw = saved
        unsafe cfmakeraw(&raw)
        raw.c_oflag = saved.c_oflag
        // Safe: as above.
        isRaw = unsafe tcsetattr(0, TCSADRAIN, &raw) == 0
        return isRaw
    }

    func leaveRawMode() {
        guard isRaw else { return }
        // Safe: as above.
        _ = unsafe tcsetattr(0, TCSADRAIN, &saved)
        isRaw = false
    }

    /// The next octet; nil at the end.
    func octet() -> UInt8? {
        if position == octets.count {
            var buffer = [UInt8](repeating: 0, count: 4096)
            var count = -1
            repeat {
                // Safe: at most the buffer's count of octets are written to it.
                count = unsafe buffer.withUnsafeMutableBytes { unsafe read(0, $0.baseAddress, $0.count) }
            } while count < 0 && errno == EINTR
            guard count > 0 else { return nil }
            octets = Array(buffer[..<count])
            position = 0
        }
        position += 1
        return octets[position - 1]
    }
}
