// SPDX-License-Identifier: Apache-2.0
//
// The MIME type of a file by its first octets.
//
// Reads   up to 4096 octets from the start of a file.
// Writes  the type whose rule matches with the highest strength.
// Leaves  the rules (MIMEType+Tables.swift), names and extensions, which say nothing.

package import Records
import Wire

/// A MIME type that content has shown. Small; its name is in the table.
package struct MIMEType: Equatable, Sendable {
    /// Octets from the start of a file that rules may look at.
    package static let headBytesMax = 4096

    let rule: UInt16

    /// The type of a file that begins with `head`; nil where no rule matches.
    /// Equally strong rules: the first name in octet order.
    package static func detect(_ head: RawSpan) -> MIMEType? { MIMERules.shared.match(head) }

    /// The name's octets.
    package var name: [UInt8] { MIMERules.shared.names[Int(rule)] }

    /// Appends the name, such as `image/png`.
    package func write(to text: inout TextBuffer) -> Text {
        let start = text.begin()
        text.bytes.append(contentsOf: MIMERules.shared.names[Int(rule)])
        return text.end(start)
    }
}

extension MIMEType: CustomStringConvertible {
    package var description: String { String(decoding: MIMERules.shared.names[Int(rule)], as: UTF8.self) }
}

/// The rules, compiled: one program of steps, and for each first octet the rules
/// that can begin with it, strongest first.
final class MIMERules: Sendable {
    static let shared = MIMERules(MIMERules.table)

    let names: [[UInt8]]
    private let steps: [MIMEStep]
    private let sets: [OctetSet]
    private let starts: [Int]
    /// Rule numbers of first octet n: `candidates[bounds[n] ..< bounds[n + 1]]`.
    private let candidates: [UInt16]
    private let bounds: [Int]

    /// `table` has a rule a line: strength, name, pattern; strongest first, then by name.
    init(_ table: StaticString) {
        var compiler = MIMECompiler()
        for line in table.description.utf8.split(separator: 0x0A) {
            let fields = line.split(separator: 0x20, maxSplits: 2)
            precondition(fields.count == 3, "a MIME rule has a strength, a name and a pattern")
            compiler.add(name: Array(fields[1]), pattern: Array(fields[2]))
        }
        names = compiler.names
        steps = compiler.steps
        sets = compiler.sets
        starts = compiler.starts
        let first = compiler.starts.map { compiler.firstOctets(of: $0) }
        var candidates: [UInt16] = []
        var bounds = [0]
        for octet in UInt8.min...UInt8.max {
            for (rule, set) in first.enumerated() where set.contains(octet) { candidates.append(UInt16(rule)) }
            bounds.append(candidates.count)
        }
        self.candidates = candidates
        self.bounds = bounds
    }

    func match(_ head: RawSpan) -> MIMEType? {
        guard head.byteCount > 0 else { return nil }
        let data = head.extracting(0..<min(head.byteCount, MIMEType.headBytesMax))
        let first = Int(data.octet(0))
        for place in bounds[first]..<bounds[first &+ 1] {
            let rule = candidates[place]
            if run(starts[Int(rule)], data, 0) == .matched { return MIMEType(rule: rule) }
        }
        return nil
    }

    private enum Outcome {
        case matched
        case failed
        /// Failed, and no other choice before this point could help: everything
        /// further on was tried from the earliest place.
        case hopeless
    }

    /// Runs the steps from `start` on at `place`. Choices are tried in turn;
    /// without nested repetitions in the table that is at most quadratic in 4096.
    private func run(_ start: Int, _ data: RawSpan, _ begin: Int) -> Outcome {
        var at = start
        var place = begin
        while true {
            switch steps[at] {
            case .octet(let octet):
                guard place < data.byteCount, data.octet(place) == octet else { return .failed }
                place &+= 1
            case .letter(let letter):
                guard place < data.byteCount, data.octet(place) | 0x20 == letter else { return .failed }
                place &+= 1
            case .skip(let least, let most):
                guard least < most else {
                    guard data.byteCount &- place >= least else { return .failed }
                    place &+= least
                    break
                }
                for count in least...most where data.byteCount &- place >= count {
                    let outcome = run(at &+ 1, data, place &+ count)
                    if outcome != .failed { return outcome }
                }
                return .failed
            case .some(let set, let least, let most):
                return runSome(sets[set], least, most, at &+ 1, data, place)
            case .either(let other):
                let outcome = run(at &+ 1, data, place)
                if outcome != .failed { return outcome }
                at = other
                continue
            case .go(let target):
                at = target
                continue
            case .distance: return runDistance(at &+ 1, data, place)
            case .markup(let withDeclaration):
                return runMarkup(withDeclaration, at &+ 1, data, place)
            case .accept: return .matched
            }
            at &+= 1
        }
    }

    private func runSome(
        _ set: OctetSet, _ least: Int, _ most: Int, _ next: Int, _ data: RawSpan, _ place: Int
    ) -> Outcome {
        var count = 0
        let room = min(most, data.byteCount &- place)
        while count < room, set.contains(data.octet(place &+ count)) { count &+= 1 }
        while count >= least {
            let outcome = run(next, data, place &+ count)
            if outcome != .failed { return outcome }
            count &-= 1
        }
        return .failed
    }

    private func runDistance(_ next: Int, _ data: RawSpan, _ place: Int) -> Outcome {
        var place = place
        while place <= data.byteCount {
            if case .octet(let octet) = steps[next] {
                guard let found = data.firstIndex(of: octet, from: place) else { return .hopeless }
                place = found
            }
            let outcome = run(next, data, place)
            if outcome != .failed { return outcome }
            place &+= 1
        }
        return .hopeless
    }

    /// Markup may be preceded by blanks, comments and (with `withDeclaration`) an
    /// XML declaration. A comment may be taken to end at any later `-->`, so a
    /// document element is found behind text that does not belong there.
    private func runMarkup(_ withDeclaration: Bool, _ next: Int, _ data: RawSpan, _ place: Int) -> Outcome {
        let start = skipBlanks(data, place)
        var outcome = run(next, data, start)
        if outcome != .failed { return outcome }
        if withDeclaration, data.begins(with: "<?xml ", at: start) {
            var from = start &+ 6
            while let end = find("?>", in: data, from: from) {
                outcome = runMarkup(false, next, data, end)
                if outcome != .failed { return outcome }
                from = end
            }
        }
        guard data.begins(with: "<!--", at: start) else { return .failed }
        var from = start &+ 4
        while let end = find("-->", in: data, from: from) {
            let behind = skipBlanks(data, end)
            outcome = run(next, data, behind)
            if outcome != .failed { return outcome }
            // Comments behind the declaration are tried once, behind its first end.
            if withDeclaration, data.begins(with: "<?xml ", at: behind),
                let close = find("?>", in: data, from: behind &+ 6)
            {
                outcome = runMarkup(false, next, data, close)
                if outcome != .failed { return outcome }
            }
            from = end
        }
        return .failed
    }

    private func skipBlanks(_ data: RawSpan, _ place: Int) -> Int {
        var place = place
        while place < data.byteCount {
            switch data.octet(place) {
            case 0x09, 0x0A, 0x0D, 0x20: place &+= 1
            default: return place
            }
        }
        return place
    }

    /// The place behind the first `text` at or after `from`.
    private func find(_ text: StaticString, in data: RawSpan, from: Int) -> Int? {
        // The last octet of both texts is the rare one.
        var from = from
        let count = text.utf8CodeUnitCount
        while let end = data.firstIndex(of: 0x3E, from: from) {
            if end &+ 1 &- count >= 0, data.begins(with: text, at: end &+ 1 &- count) { return end &+ 1 }
            from = end &+ 1
        }
        return nil
    }
}

/// One step of a compiled rule.
enum MIMEStep {
    case octet(UInt8)
    /// A letter in either case, given in lower case.
    case letter(UInt8)
    /// Any octets, at least and at most so many.
    case skip(Int, Int)
    /// Octets of a set, by its index; at least and at most so many, the longest first.
    case some(Int, Int, Int)
    /// Goes on with the next step; where that fails, with the one named.
    case either(Int)
    case go(Int)
    /// Any number of octets.
    case distance
    /// Blanks, comments, and perhaps an XML declaration.
    case markup(withDeclaration: Bool)
    case accept
}

/// A set of octets.
struct OctetSet: Equatable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    static func == (left: OctetSet, right: OctetSet) -> Bool { left.words == right.words }

    func contains(_ octet: UInt8) -> Bool {
        let bit: UInt64 = 1 << UInt64(octet & 63)
        return switch octet >> 6 {
        case 0: words.0 & bit != 0
        case 1: words.1 & bit != 0
        case 2: words.2 & bit != 0
        default: words.3 & bit != 0
        }
    }

    mutating func insert(_ octet: UInt8) {
        let bit: UInt64 = 1 << UInt64(octet & 63)
        switch octet >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        default: words.3 |= bit
        }
    }

    mutating func formUnion(_ other: OctetSet) {
        words.0 |= other.words.0
        words.1 |= other.words.1
        words.2 |= other.words.2
        words.3 |= other.words.3
    }

    var inverted: OctetSet {
        var result = self
        result.words = (~words.0, ~words.1, ~words.2, ~words.3)
        return result
    }
}
