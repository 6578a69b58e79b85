// SPDX-License-Identifier: Apache-2.0
//
// Aggregates that SQLite lacks, named as DuckDB and Spark name them.
//
// Leaves  approximate ones: what is called approx_count_distinct here counts exactly.

/// Values of one group on their way to one value.
protocol AggregateState: AnyObject {
    func add(_ values: [SQLValue]) throws(FunctionFailure)
    func finish() -> SQLValue
}

struct SQLAggregate: Sendable {
    let name: String
    let usage: String
    let arguments: ClosedRange<Int>
    let make: @Sendable () -> any AggregateState

    static let all: [SQLAggregate] =
        Moment.names.map { name, moment in
            SQLAggregate(name: name, usage: "\(name)(x)", arguments: 1...1) { MomentState(moment) }
        } + [
            SQLAggregate(name: "median", usage: "median(x)", arguments: 1...1) { QuantileState(fixed: 0.5) },
            SQLAggregate(name: "quantile_cont", usage: "quantile_cont(x, 0.95)", arguments: 2...2) { QuantileState() },
            SQLAggregate(name: "percentile", usage: "percentile(x, 0.95)", arguments: 2...2) { QuantileState() },
            SQLAggregate(name: "max_by", usage: "max_by(x, by)", arguments: 2...2) { ByState(isGreatest: true) },
            SQLAggregate(name: "min_by", usage: "min_by(x, by)", arguments: 2...2) { ByState(isGreatest: false) },
            SQLAggregate(name: "any_value", usage: "any_value(x)", arguments: 1...1) { AnyState() },
            SQLAggregate(name: "count_if", usage: "count_if(condition)", arguments: 1...1) { CountIfState() },
            SQLAggregate(name: "bool_or", usage: "bool_or(condition)", arguments: 1...1) { BoolState(isOr: true) },
            SQLAggregate(name: "bool_and", usage: "bool_and(condition)", arguments: 1...1) { BoolState(isOr: false) },
            SQLAggregate(name: "approx_count_distinct", usage: "approx_count_distinct(x)", arguments: 1...1) {
                DistinctState()
            },
        ]
}

// MARK: variance

/// What is asked of the second moment.
enum Moment: Sendable {
    case populationVariance, sampleVariance, populationDeviation, sampleDeviation

    /// `stddev` and `variance` are those of a sample, in DuckDB and in Spark.
    static let names: [(String, Moment)] = [
        ("var_pop", .populationVariance), ("var_samp", .sampleVariance), ("variance", .sampleVariance),
        ("stddev_pop", .populationDeviation), ("stddev_samp", .sampleDeviation), ("stddev", .sampleDeviation),
    ]
}

/// Count, mean and sum of squared distances, each value taken in turn (Welford), shares put together (Chan et al.).
struct Moments: Sendable {
    private(set) var count = 0.0
    private var mean = 0.0
    private var squares = 0.0

    mutating func add(_ value: Double) {
        count += 1
        let distance = value - mean
        mean += distance / count
        squares += distance * (value - mean)
    }

    mutating func merge(_ other: Moments) {
        guard other.count > 0 else { return }
        let total = count + other.count
        let distance = other.mean - mean
        squares += other.squares + distance * distance * count * other.count / total
        mean += distance * other.count / total
        count = total
    }

    /// Nil where too few values were added: one is enough for a population, a sample needs two.
    func value(_ moment: Moment) -> Double? {
        switch moment {
        case .populationVariance: count > 0 ? squares / count : nil
        case .sampleVariance: count > 1 ? squares / (count - 1) : nil
        case .populationDeviation: count > 0 ? (squares / count).squareRoot() : nil
        case .sampleDeviation: count > 1 ? (squares / (count - 1)).squareRoot() : nil
        }
    }
}

private final class MomentState: AggregateState {
    private let moment: Moment
    private var moments = Moments()
    init(_ moment: Moment) { self.moment = moment }

    func add(_ values: [SQLValue]) throws(FunctionFailure) {
        if let number = values[0].number { moments.add(number) }
    }
    func finish() -> SQLValue { moments.value(moment).map { .real($0) } ?? .null }
}

// MARK: quantiles

/// The value below which a share of the sorted values lies, between two neighbours as far as the share says
/// (PERCENTILE_CONT of SQL). `values` is sorted in place; nil where there is none.
func quantile(_ values: inout [Double], _ share: Double) -> Double? {
    guard !values.isEmpty else { return nil }
    values.sort()
    let place = share * Double(values.count - 1)
    let below = Int(place.rounded(.down))
    let above = min(below + 1, values.count - 1)
    guard values[below] != values[above] else { return values[below] }
    return values[below] + (values[above] - values[below]) * (place - Double(below))
}

private final class QuantileState: AggregateState {
    private var share: Double?
    private let isFixed: Bool
    private var numbers: [Double] = []
    init(fixed share: Double? = nil) {
        self.share = share
        isFixed = share != nil
    }

    func add(_ values: [SQLValue]) throws(FunctionFailure) {
        if !isFixed {
            guard let given = values[1].number, 0...1 ~= given, share == nil || share == given else {
                throw FunctionFailure(reason: "quantile_cont and percentile want one share from 0 to 1")
            }
            share = given
        }
        if let number = values[0].number { numbers.append(number) }
    }
    func finish() -> SQLValue { quantile(&numbers, share ?? 0.5).map { .real($0) } ?? .null }
}

// MARK: others

/// The value that goes with the greatest or the smallest of another.
private final class ByState: AggregateState {
    private let isGreatest: Bool
    private var best: (value: SQLValue, by: SQLValue)?
    init(isGreatest: Bool) { self.isGreatest = isGreatest }

    func add(_ values: [SQLValue]) throws(FunctionFailure) {
        guard values[1] != .null, values[0] != .null else { return }
        if let best, isGreatest ? !SQLValue.isOrdered(best.by, values[1]) : !SQLValue.isOrdered(values[1], best.by) {
            return
        }
        best = (values[0], values[1])
    }
    func finish() -> SQLValue { best?.value ?? .null }
}

private final class AnyState: AggregateState {
    private var value = SQLValue.null
    func add(_ values: [SQLValue]) throws(FunctionFailure) {
        if value == .null { value = values[0] }
    }
    func finish() -> SQLValue { value }
}

private final class CountIfState: AggregateState {
    private var count: Int64 = 0
    func add(_ values: [SQLValue]) throws(FunctionFailure) {
        if let number = values[0].number, number != 0 { count += 1 }
    }
    func finish() -> SQLValue { .integer(count) }
}

private final class BoolState: AggregateState {
    private let isOr: Bool
    private var value: Bool?
    init(isOr: Bool) { self.isOr = isOr }
    func add(_ values: [SQLValue]) throws(FunctionFailure) {
        guard let number = values[0].number else { return }
        value = isOr ? (value ?? false) || number != 0 : (value ?? true) && number != 0
    }
    func finish() -> SQLValue { value.map { .integer($0 ? 1 : 0) } ?? .null }
}

private final class DistinctState: AggregateState {
    private var seen: Set<SQLValue> = []
    func add(_ values: [SQLValue]) throws(FunctionFailure) {
        if values[0] != .null { seen.insert(values[0]) }
    }
    func finish() -> SQLValue { .integer(Int64(seen.count)) }
}
