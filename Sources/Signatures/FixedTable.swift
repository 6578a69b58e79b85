// SPDX-License-Identifier: Apache-2.0
//
// Tables that are filled once and looked at for each packet, without counting references.
//
// Reads   elements once.
// Writes  memory of its own.
// Leaves  what the elements mean.

/// A fixed number of trivial elements in memory of their own. A look at an array in a shared object may count a
/// reference, which costs more than the look; a look here does not.
// Safe: the memory is written by `init` alone and lives as long as the table; places are checked.
@safe struct FixedTable<Element: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
    private let elements: UnsafeMutableBufferPointer<Element>

    init(_ all: some Collection<Element>) {
        // Safe: freed by `deinit` only, and written whole before anything reads it.
        unsafe elements = .allocate(capacity: all.count)
        unsafe _ = elements.initialize(fromContentsOf: all)
    }

    deinit {
        // Safe: allocated by `init`; trivial elements need no destruction.
        unsafe elements.deallocate()
    }

    // Safe: only the number is read.
    var count: Int { unsafe elements.count }
    var isEmpty: Bool { count == 0 }
    var indices: Range<Int> { 0..<count }

    subscript(_ place: Int) -> Element {
        @inline(__always)
        get {
            precondition(place >= 0 && place < count, "no such place")
            // Safe: checked above.
            return unsafe elements[place]
        }
    }

    /// The element at a place that is in range by the way it was found.
    @unsafe subscript(unchecked place: Int) -> Element {
        @inline(__always)
        get {
            assert(place >= 0 && place < count, "no such place")
            // Safe: the caller says so.
            return unsafe elements.baseAddress.unsafelyUnwrapped[place]
        }
    }
}

/// Objects by number, kept as long as the table is. A look at one counts no reference.
// Safe: the table keeps each object whose pointer it has, and neither is changed after `init`.
@safe struct ObjectTable<Object: AnyObject & Sendable>: ~Copyable, Sendable {
    /// The objects, each once for each number that is its own.
    let objects: [Object]
    private let places: FixedTable<Unmanaged<Object>?>

    init(_ all: [Object?]) {
        objects = all.compactMap(\.self)
        // Safe: kept by `objects`.
        unsafe places = FixedTable(all.map { unsafe $0.map { unsafe Unmanaged.passUnretained($0) } })
    }

    /// Shows the object of a number; nil where there is none.
    @inline(__always) @discardableResult
    func with<Result>(_ place: Int, _ body: (Object) -> Result) -> Result? {
        guard place < count else { return nil }
        // Safe: the object is kept while the table is borrowed.
        guard let object = unsafe places[place] else { return nil }
        // Safe: as above.
        return unsafe object._withUnsafeGuaranteedRef { body($0) }
    }

    // Safe: only counted.
    private var count: Int { unsafe places.count }
}

/// Objects by number that come and go. A look at one counts no reference.
// Safe: what a place has was counted when it came there, and is given back when it goes.
@safe struct ObjectSlots<Object: AnyObject>: ~Copyable {
    private var places: [Unmanaged<Object>?]

    // Safe: nothing is there yet.
    init() { unsafe places = [] }

    deinit {
        // Safe: counted by `put`.
        for place in 0..<count { unsafe places[place]?.release() }
    }

    // Safe: only counted.
    var count: Int { unsafe places.count }

    func has(_ place: Int) -> Bool {
        guard place < count else { return false }
        // Safe: only looked at.
        return unsafe places[place] != nil
    }

    /// Shows the object of a number; nil where there is none. It must not be taken out meanwhile.
    @inline(__always) @discardableResult
    func with<Result>(_ place: Int, _ body: (Object) -> Result) -> Result? {
        // Safe: the object is kept while the table is borrowed.
        guard place < count, let object = unsafe places[place] else { return nil }
        // Safe: as above.
        return unsafe object._withUnsafeGuaranteedRef { body($0) }
    }

    /// Takes an object to a free place.
    mutating func put(_ object: Object, _ place: Int) {
        precondition(!has(place), "the place is taken")
        // Safe: empty places.
        while count <= place { unsafe places.append(nil) }
        // Safe: given back by `take` or `deinit`.
        unsafe places[place] = .passRetained(object)
    }

    /// Takes the object of a number out.
    mutating func take(_ place: Int) -> Object? {
        guard has(place) else { return nil }
        // Safe: counted by `put`.
        let object = unsafe places[place]?.takeRetainedValue()
        // Safe: the count is the caller's now.
        unsafe places[place] = nil
        return object
    }
}
