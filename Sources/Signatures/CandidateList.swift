// SPDX-License-Identifier: Apache-2.0
//
// Rules to evaluate, each once.
//
// Reads   numbers of rules.
// Writes  memory of its own, of a fixed size.
// Leaves  what makes a rule a candidate (RuleIndex.swift).

/// Rules that became candidates in a round. Each of the rules has room, so that adding one checks nothing but whether
/// it is there already.
// Safe: the memory is allocated by `init` and freed by `deinit` alone; numbers of rules are checked.
@safe struct CandidateList: ~Copyable {
    private let rules: UnsafeMutablePointer<UInt32>
    /// By rule, the last round in which it became one.
    private let rounds: UnsafeMutablePointer<UInt32>
    private let capacity: Int
    private var round: UInt32 = 1
    private(set) var count = 0

    /// Room for so many rules, numbered from 0.
    init(_ capacity: Int) {
        self.capacity = capacity
        // Safe: both are written whole before they are read.
        unsafe rules = .allocate(capacity: capacity)
        unsafe rounds = .allocate(capacity: capacity)
        unsafe rules.initialize(repeating: 0, count: capacity)
        unsafe rounds.initialize(repeating: 0, count: capacity)
    }

    deinit {
        // Safe: allocated by `init`.
        unsafe rules.deallocate()
        unsafe rounds.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    /// Begins a new round, without candidates.
    mutating func begin() {
        count = 0
        round &+= 1
        guard round == .max else { return }
        // Safe: there is room for so many.
        unsafe rounds.update(repeating: 0, count: capacity)
        round = 1
    }

    @inline(__always)
    func holds(_ rule: UInt32) -> Bool {
        precondition(Int(rule) < capacity, "no such rule")
        // Safe: checked above.
        return unsafe rounds[Int(rule)] == round
    }

    /// Adds a rule, if it is none yet.
    @inline(__always)
    mutating func add(_ rule: UInt32) {
        guard !holds(rule) else { return }
        // Safe: `holds` has checked the number, and each rule is here once.
        unsafe rounds[Int(rule)] = round
        unsafe rules[count] = rule
        count &+= 1
    }

    subscript(_ place: Int) -> UInt32 {
        precondition(place >= 0 && place < count, "no such candidate")
        // Safe: checked above.
        return unsafe rules[place]
    }

    /// Puts them into the order of evaluation.
    mutating func sort() {
        guard count > 1 else { return }
        // Safe: so many were written.
        var all = unsafe UnsafeMutableBufferPointer(start: rules, count: count)
        unsafe all.sort()
    }
}
