// SPDX-License-Identifier: Apache-2.0
//
// The functions of `SQLFunction` and `SQLAggregate` as SQLite calls them.
//
// Reads   SQLite's arguments.
// Writes  its results, and its errors.

import GRDBSQLite

/// What SQLite keeps with a function.
private final class FunctionBox {
    let function: SQLFunction
    init(_ function: SQLFunction) { self.function = function }
}

private final class AggregateBox {
    let aggregate: SQLAggregate
    init(_ aggregate: SQLAggregate) { self.aggregate = aggregate }
}

extension SQLiteConnection {
    private static var flags: Int32 { SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS }

    func registerFunctions() {
        for function in SQLFunction.all where !function.isBuiltIn {
            for count in SQLiteConnection.counts(function.arguments) {
                // Safe: SQLite holds the box until it calls the last function, which lets it go.
                let box = unsafe Unmanaged.passRetained(FunctionBox(function)).toOpaque()
                unsafe sqlite3_create_function_v2(
                    database, function.name, count, SQLiteConnection.flags, box,
                    { context, count, values in unsafe call(context, count, values) }, nil, nil,
                    { box in unsafe release(box, FunctionBox.self) })
            }
        }
        for aggregate in SQLAggregate.all {
            for count in SQLiteConnection.counts(aggregate.arguments) {
                // Safe: as above.
                let box = unsafe Unmanaged.passRetained(AggregateBox(aggregate)).toOpaque()
                unsafe sqlite3_create_function_v2(
                    database, aggregate.name, count, SQLiteConnection.flags, box, nil,
                    { context, count, values in unsafe step(context, count, values) },
                    { context in unsafe finish(context) },
                    { box in unsafe release(box, AggregateBox.self) })
            }
        }
    }

    /// One registration for each number of arguments; one for any number where there are many.
    private static func counts(_ arguments: ClosedRange<Int>) -> [Int32] {
        arguments.count > 8 ? [-1] : arguments.map { Int32($0) }
    }
}

private func release<Box: AnyObject>(_ box: UnsafeMutableRawPointer?, _ type: Box.Type) {
    // Safe: retained by `registerFunctions`, let go here once.
    guard let box = unsafe box else { return }
    unsafe Unmanaged<Box>.fromOpaque(box).release()
}

private func arguments(_ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?) -> [SQLValue] {
    // Safe: SQLite passes `count` values, alive as long as the call, which are copied.
    (0..<Int(count)).map { index in unsafe SQLValue(values?[index]) }
}

/// A function of one row.
// Safe: SQLite passes `count` values and a context of its own, valid as long as the call.
private func call(_ context: OpaquePointer?, _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?) {
    // Safe: the user's data is the box that the function was registered with.
    guard let data = unsafe sqlite3_user_data(context) else { return unsafe sqlite3_result_null(context) }
    let function = unsafe Unmanaged<FunctionBox>.fromOpaque(data).takeUnretainedValue().function
    guard function.arguments.contains(Int(count)) else {
        return unsafe fail(context, "wrong number of arguments to function \(function.name)()")
    }
    do throws(FunctionFailure) {
        // Safe: as above.
        unsafe give(context, try function.body(arguments(count, values)))
    } catch {
        unsafe fail(context, error.reason)
    }
}

/// The state of an aggregate: a place that SQLite makes for each group, zero at first.
private func state(_ context: OpaquePointer?, _ size: Int32) -> UnsafeMutablePointer<Unmanaged<StateBox>?>? {
    // Safe: SQLite gives `size` octets, zeroed, as long as the group lasts; nil where there are none.
    unsafe sqlite3_aggregate_context(context, size)?.assumingMemoryBound(to: Unmanaged<StateBox>?.self)
}

/// A state behind one pointer.
private final class StateBox {
    let state: any AggregateState
    init(_ state: any AggregateState) { self.state = state }
}

private func step(_ context: OpaquePointer?, _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?) {
    // Safe: the user's data is the box that the aggregate was registered with; the place has room for a pointer.
    guard let data = unsafe sqlite3_user_data(context),
        let place = unsafe state(context, Int32(MemoryLayout<Unmanaged<StateBox>?>.size))
    else { return unsafe sqlite3_result_error_nomem(context) }
    if unsafe place.pointee == nil {
        let aggregate = unsafe Unmanaged<AggregateBox>.fromOpaque(data).takeUnretainedValue().aggregate
        // Safe: let go in `finish`, which SQLite calls for each group that was begun.
        unsafe place.pointee = .passRetained(StateBox(aggregate.make()))
    }
    guard let box = unsafe place.pointee?.takeUnretainedValue() else { return }
    do throws(FunctionFailure) {
        try unsafe box.state.add(arguments(count, values))
    } catch {
        unsafe fail(context, error.reason)
    }
}

private func finish(_ context: OpaquePointer?) {
    // Safe: with the size 0 SQLite makes no place: nil where no row came, then what an empty group gives is wanted.
    if let place = unsafe state(context, 0), let box = unsafe place.pointee {
        unsafe give(context, box.takeUnretainedValue().state.finish())
        unsafe box.release()
        unsafe place.pointee = nil
    } else if let data = unsafe sqlite3_user_data(context) {
        // Safe: as in `step`.
        let aggregate = unsafe Unmanaged<AggregateBox>.fromOpaque(data).takeUnretainedValue().aggregate
        unsafe give(context, aggregate.make().finish())
    }
}

private func fail(_ context: OpaquePointer?, _ reason: String) {
    // Safe: SQLite copies the text.
    unsafe sqlite3_result_error(context, reason, -1)
}

private func give(_ context: OpaquePointer?, _ value: SQLValue) {
    // Safe: -1 is SQLite's constant for a destructor that means: copy before the call returns.
    let copied = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch value {
    case .null: unsafe sqlite3_result_null(context)
    case .integer(let number): unsafe sqlite3_result_int64(context, number)
    case .real(let number): unsafe sqlite3_result_double(context, number)
    case .text(let octets):
        // Safe: the octets are valid as long as the closure, and copied in it.
        unsafe octets.withUnsafeBytes { buffer in
            let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            if unsafe start == nil {
                unsafe sqlite3_result_text(context, "", 0, nil)
            } else {
                unsafe sqlite3_result_text(context, start, Int32(truncatingIfNeeded: buffer.count), copied)
            }
        }
    case .blob(let octets):
        // Safe: as above.
        unsafe octets.withUnsafeBytes { buffer in
            unsafe sqlite3_result_blob(context, buffer.baseAddress, Int32(truncatingIfNeeded: buffer.count), copied)
        }
    }
}
