// SPDX-License-Identifier: Apache-2.0
//
// Telnet (RFC 854, 855): terminals over the network.
//
// Reads   commands and options of both sides; prompts of the server and what is typed after them.
// Writes  log "telnet": a row for each connection on which options were spoken of.
// Leaves  what is typed after a prompt for a password, and the dialogue.

package import Records
import Wire

/// One connection.
package struct TelnetRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var user = Text.absent
    package var hasPassword: Bool?
    package var isRefused: Bool?
    package var terminal = Text.absent
    package var width: UInt64?
    package var height: UInt64?
    package var attempts: UInt64 = 0
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.telnet
    package static let summary: StaticString = "A connection of Telnet: who came in, with which terminal."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("user", user, in: text, "The name given at the last prompt for one.", isKey: true)
        row.boolean("password_asked", hasPassword, "Whether a password was asked for.")
        row.boolean("refused", isRefused, "Whether the server refused the last name and password.")
        row.count("login_attempts", attempts, "How often a name was given.")
        row.text("terminal", terminal, in: text, "The client's terminal (RFC 1091).")
        row.count("width", width, "Columns of the terminal's window (RFC 1073).")
        row.count("height", height, "Its lines.")
    }
}

/// What is between the commands of one direction.
private struct TelnetSide {
    enum State { case text, command, option, parameters, parametersCommand }

    var state = State.text
    var verb: UInt8 = 0
    /// Octets of a subnegotiation.
    var parameters: [UInt8] = []
    /// The line so far.
    var line: [UInt8] = []

    mutating func reset() {
        state = .text
        parameters.removeAll(keepingCapacity: true)
        line.removeAll(keepingCapacity: true)
    }
}

/// Telnet on one connection.
final class Telnet: Analyzer {
    private static let lineBytesMax = 256
    private static let parametersMax = 256
    private static let escape: UInt8 = 0xFF

    private var record = TelnetRecord()
    private var hasRow = false
    private var sides: [2 of TelnetSide] = [TelnetSide(), TelnetSide()]
    /// What the client's next line is.
    private var isNameAwaited = false
    private var isPasswordAwaited = false

    init() { super.init(kind: .telnet) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        // Out of the class while it is worked on.
        var now = TelnetSide()
        swap(&now, &sides[side])
        for place in 0..<bytes.byteCount { take(bytes.octet(place), &now, direction, &context) }
        if direction == .responder { prompt(now.line) }
        swap(&now, &sides[side])
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        sides[Int(direction.rawValue)].reset()
        (isNameAwaited, isPasswordAwaited) = (false, false)
    }

    override func finish(_ context: inout AnalyzerContext) {
        guard hasRow else { return }
        hasRow = false
        context.output.emit(record)
    }

    override func reset() {
        super.reset()
        sides[0].reset()
        sides[1].reset()
        (hasRow, isNameAwaited, isPasswordAwaited) = (false, false, false)
        (record.user, record.terminal) = (.absent, .absent)
        (record.hasPassword, record.isRefused, record.width, record.height) = (nil, nil, nil, nil)
        record.attempts = 0
        record.text.clear()
    }

    // MARK: octets

    private func take(
        _ octet: UInt8, _ side: inout TelnetSide, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        switch side.state {
        case .text:
            if octet == Telnet.escape { side.state = .command } else { text(octet, &side, direction) }
        case .command:
            switch octet {
            case Telnet.escape:
                side.state = .text
                text(octet, &side, direction)
            case 0xFB...0xFE:  // WILL, WON'T, DO, DON'T
                side.verb = octet
                side.state = .option
            case 0xFA:  // SB
                side.parameters.removeAll(keepingCapacity: true)
                side.state = .parameters
            case 0xEC...0xF9: side.state = .text
            default:
                side.state = .text
                violation(&context)
            }
        case .option:
            side.state = .text
            begin(&context)
        case .parameters:
            if octet == Telnet.escape {
                side.state = .parametersCommand
            } else if side.parameters.count < Telnet.parametersMax {
                side.parameters.append(octet)
            }
        case .parametersCommand:
            if octet == 0xF0 {  // SE
                side.state = .text
                begin(&context)
                negotiated(side.parameters)
            } else {
                side.state = .parameters
                let isData = octet == Telnet.escape && side.parameters.count < Telnet.parametersMax
                if isData { side.parameters.append(octet) }
            }
        }
    }

    private func begin(_ context: inout AnalyzerContext) {
        guard !hasRow else { return }
        hasRow = true
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        confirm(&context)
    }

    /// What a side says of its terminal.
    private func negotiated(_ octets: [UInt8]) {
        guard let option = octets.first else { return }
        switch option {
        case 24 where octets.count > 2 && octets[1] == 0 && record.terminal.isAbsent:
            record.terminal = record.text.add(octets.octets.extracting(2..<octets.count))
        case 31 where octets.count == 5:
            record.width = UInt64(octets[1]) << 8 | UInt64(octets[2])
            record.height = UInt64(octets[3]) << 8 | UInt64(octets[4])
        default: break
        }
    }

    // MARK: names

    private func text(_ octet: UInt8, _ side: inout TelnetSide, _ direction: Direction) {
        switch octet {
        case 0x0D, 0x0A:
            if direction == .originator { typed(side.line) } else { said(side.line) }
            side.line.removeAll(keepingCapacity: true)
        case 0x08, 0x7F: if !side.line.isEmpty { side.line.removeLast() }
        case 0: break
        default: if side.line.count < Telnet.lineBytesMax { side.line.append(octet) }
        }
    }

    /// A line of the client ends.
    private func typed(_ line: [UInt8]) {
        if isNameAwaited, !line.isEmpty {
            isNameAwaited = false
            record.attempts &+= 1
            record.isRefused = nil
            if record.text.bytes.count < 4096 { record.user = record.text.add(line.octets) }
        } else if isPasswordAwaited {
            isPasswordAwaited = false
        }
    }

    /// A line of the server ends.
    private func said(_ line: [UInt8]) {
        guard record.attempts > 0, record.isRefused != true else { return }
        let words: [StaticString] = ["login incorrect", "authentication failed", "access denied", "login failed"]
        if words.contains(where: { Telnet.contains(line, $0) }) { record.isRefused = true }
    }

    /// What the server has written in the last line asks for something.
    private func prompt(_ line: [UInt8]) {
        var end = line.count
        while end > 0, line[end - 1] == 0x20 { end -= 1 }
        guard end > 0, line[end - 1] == 0x3A else { return }
        let words = Array(line[..<(end - 1)])
        if Telnet.ends(words, "login") || Telnet.ends(words, "username") || Telnet.ends(words, "user name") {
            (isNameAwaited, isPasswordAwaited) = (true, false)
        } else if Telnet.ends(words, "password") {
            (isNameAwaited, isPasswordAwaited) = (false, true)
            record.hasPassword = true
        }
    }

    /// Whether a line ends with a word, any case.
    private static func ends(_ line: [UInt8], _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard line.count >= count else { return false }
        return line.octets.matches(word, at: line.count &- count, count: count, anyCase: true)
    }

    private static func contains(_ line: [UInt8], _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard line.count >= count else { return false }
        let octets = line.octets
        for place in 0...(line.count &- count)
        where octets.matches(word, at: place, count: count, anyCase: true) { return true }
        return false
    }
}

enum TelnetProbe {
    /// An option is spoken of first: WILL, WON'T, DO or DON'T and its number, and another command behind it.
    static func options(_ bytes: RawSpan) -> ProbeVerdict {
        for place in 0..<4 {
            guard place < bytes.byteCount else { return .needsMore }
            let octet = bytes.octet(place)
            switch place {
            case 0, 3: guard octet == 0xFF else { return .never }
            case 1: guard (0xFB...0xFE).contains(octet) else { return .never }
            default: guard octet <= 49 || octet == 255 else { return .never }
            }
        }
        return .matches
    }
}
