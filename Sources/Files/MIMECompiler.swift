// SPDX-License-Identifier: Apache-2.0
//
// The notation of MIME rules, turned into steps once at start.
//
// Reads   patterns as MIMEType+Tables.swift describes them.
// Writes  steps, sets of octets, and the first octets that each rule allows.
// Leaves  matching (MIMEType.swift). A mistake in the table is a programmer's: it stops the program.

/// Compiles rules. Used once, at start; speed does not matter here.
struct MIMECompiler {
    private(set) var names: [[UInt8]] = []
    private(set) var steps: [MIMEStep] = []
    private(set) var sets: [OctetSet] = []
    private(set) var starts: [Int] = []
    private var pattern: [UInt8] = []
    private var place = 0

    /// Unbounded repetition: more than a head has.
    private static let many = 1 << 16

    mutating func add(name: [UInt8], pattern: [UInt8]) {
        names.append(name)
        starts.append(steps.count)
        self.pattern = pattern
        place = 0
        alternatives()
        precondition(place == pattern.count, "a MIME pattern with an unmatched parenthesis")
        steps.append(.accept)
    }

    private var next: UInt8? { place < pattern.count ? pattern[place] : nil }

    private mutating func take() -> UInt8 {
        precondition(place < pattern.count, "a MIME pattern ends too early")
        defer { place += 1 }
        return pattern[place]
    }

    private mutating func takes(_ octet: Unicode.Scalar) -> Bool {
        guard let next, UInt32(next) == octet.value else { return false }
        place += 1
        return true
    }

    /// `a|b|c` up to a closing parenthesis or the end.
    private mutating func alternatives() {
        var exits: [Int] = []
        while true {
            let fork = steps.count
            steps.append(.either(0))
            sequence()
            guard takes("|") else {
                // The last branch has no other: its fork is stepped over.
                steps[fork] = .go(fork + 1)
                break
            }
            exits.append(steps.count)
            steps.append(.go(0))
            steps[fork] = .either(steps.count)
        }
        for exit in exits { steps[exit] = .go(steps.count) }
    }

    private mutating func sequence() {
        while let octet = next, octet != 0x7C, octet != 0x29 {
            switch octet {
            case 0x28: group()
            case 0x25:
                place += 1
                steps.append(.distance)
            case 0x7B: skip()
            case 0x26: lead()
            case 0x27: anyCase()
            case 0x5B: set()
            default: plain()
            }
        }
    }

    private mutating func group() {
        place += 1
        let fork = steps.count
        steps.append(.go(fork + 1))
        alternatives()
        precondition(takes(")"), "a MIME pattern with an open parenthesis")
        if takes("?") { steps[fork] = .either(steps.count) }
    }

    /// `{n}` and `{n-m}`.
    private mutating func skip() {
        place += 1
        let least = number()
        let most = takes("-") ? number() : least
        precondition(takes("}"), "a MIME pattern with an open brace")
        steps.append(.skip(least, most))
    }

    private mutating func number() -> Int {
        var value = 0
        while let octet = next, (0x30...0x39).contains(octet) {
            value = value * 10 + Int(octet - 0x30)
            place += 1
        }
        return value
    }

    /// `&B` byte order mark, `&P` blanks and comments, `&X` the same with an XML declaration.
    private mutating func lead() {
        place += 1
        switch take() {
        case 0x42:
            // EF BB BF, FF FE or FE FF, or none.
            let fork = steps.count
            steps.append(.either(0))
            var exits: [Int] = []
            for mark: [UInt8] in [[0xEF, 0xBB, 0xBF], [0xFF, 0xFE]] {
                let inner = steps.count
                steps.append(.either(0))
                for octet in mark { steps.append(.octet(octet)) }
                exits.append(steps.count)
                steps.append(.go(0))
                steps[inner] = .either(steps.count)
            }
            for octet: UInt8 in [0xFE, 0xFF] { steps.append(.octet(octet)) }
            for exit in exits { steps[exit] = .go(steps.count) }
            steps[fork] = .either(steps.count)
        case 0x50: steps.append(.markup(withDeclaration: false))
        case 0x58: steps.append(.markup(withDeclaration: true))
        default: preconditionFailure("a MIME pattern with an unknown lead")
        }
    }

    private mutating func anyCase() {
        place += 1
        while !takes("'") { steps.append(.letter(take())) }
    }

    /// An octet that stands for itself, perhaps optional.
    private mutating func plain() {
        let octet = literal()
        if takes("?") { steps.append(.either(steps.count + 2)) }
        steps.append(.octet(octet))
    }

    /// `_` is a blank, `\hh` an octet in hexadecimal, all else itself.
    private mutating func literal() -> UInt8 {
        switch take() {
        case 0x5F: return 0x20
        case 0x5C: return hexadecimal() << 4 | hexadecimal()
        case let octet: return octet
        }
    }

    private mutating func hexadecimal() -> UInt8 {
        switch take() {
        case let digit where (0x30...0x39).contains(digit): return digit - 0x30
        case let digit where (0x61...0x66).contains(digit): return digit - 0x57
        default: preconditionFailure("a MIME pattern with a bad hexadecimal digit")
        }
    }

    /// `[a-z]`, `[^a]`, then `?`, `+`, `*`, `*n;` or `*n-m;`.
    private mutating func set() {
        place += 1
        let isInverted = takes("^")
        var set = OctetSet()
        while !takes("]") {
            let low = literal()
            let high = takes("-") ? literal() : low
            precondition(low <= high, "a MIME pattern with a reversed range")
            for octet in low...high { set.insert(octet) }
        }
        if isInverted { set = set.inverted }
        let index = sets.firstIndex(of: set) ?? sets.count
        if index == sets.count { sets.append(set) }
        var (least, most) = (1, 1)
        if takes("?") { least = 0 }
        if takes("+") { most = MIMECompiler.many }
        if takes("*") {
            (least, most) = (0, MIMECompiler.many)
            if let next, (0x30...0x39).contains(next) {
                least = number()
                most = takes("-") ? number() : least
                precondition(takes(";"), "a MIME pattern with an open count")
            }
        }
        steps.append(.some(index, least, most))
    }

    /// The octets that a match from `step` on can begin with.
    func firstOctets(of step: Int) -> OctetSet {
        var result = OctetSet()
        var isSeen = Set<Int>()
        collectFirst(step, &result, &isSeen)
        return result
    }

    private func collectFirst(_ step: Int, _ result: inout OctetSet, _ isSeen: inout Set<Int>) {
        guard isSeen.insert(step).inserted else { return }
        switch steps[step] {
        case .octet(let octet): result.insert(octet)
        case .letter(let letter):
            result.insert(letter)
            result.insert(letter & ~0x20)
        case .some(let set, let least, _):
            result.formUnion(sets[set])
            if least == 0 { collectFirst(step + 1, &result, &isSeen) }
        case .either(let other):
            collectFirst(step + 1, &result, &isSeen)
            collectFirst(other, &result, &isSeen)
        case .go(let target): collectFirst(target, &result, &isSeen)
        case .markup:
            for octet: UInt8 in [0x09, 0x0A, 0x0D, 0x20, 0x3C] { result.insert(octet) }
            collectFirst(step + 1, &result, &isSeen)
        case .skip, .distance, .accept: result = OctetSet().inverted
        }
    }
}
