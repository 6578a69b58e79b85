// SPDX-License-Identifier: Apache-2.0
//
// Functions over times. A time is a text as the store shows it, or any that `TimeText` reads.

extension SQLFunction {
    static let timeFunctions: [SQLFunction] = [
        SQLFunction(
            name: "date_trunc", usage: "date_trunc('hour', ts)", arguments: 2...2, outcome: .text
        ) { (values) throws(FunctionFailure) in
            guard let name = values[0].octets, let time = microseconds(values[1]) else { return .null }
            return timeText(try TimeStep(part: name).start(of: time))
        },
        SQLFunction(
            name: "time_bucket", usage: "time_bucket('5 minutes', ts)", arguments: 2...2, outcome: .text
        ) { (values) throws(FunctionFailure) in
            guard let width = values[0].octets, let time = microseconds(values[1]) else { return .null }
            return timeText(try TimeStep(width: width).start(of: time))
        },
        SQLFunction(name: "epoch", usage: "epoch(ts)", arguments: 1...1, outcome: .real) { values in
            microseconds(values[0]).map { .real(Double($0) / 1_000_000) } ?? .null
        },
        SQLFunction(name: "epoch_ms", usage: "epoch_ms(ts)", arguments: 1...1, outcome: .integer) { values in
            microseconds(values[0]).map { .integer(floor($0, 1000)) } ?? .null
        },
        SQLFunction(name: "epoch_us", usage: "epoch_us(ts)", arguments: 1...1, outcome: .integer) { values in
            microseconds(values[0]).map { .integer($0) } ?? .null
        },
        SQLFunction(
            name: "unix_timestamp", usage: "unix_timestamp(ts)", arguments: 1...1, outcome: .integer
        ) { values in microseconds(values[0]).map { .integer(floor($0, 1_000_000)) } ?? .null },
        SQLFunction(name: "unix_micros", usage: "unix_micros(ts)", arguments: 1...1, outcome: .integer) { values in
            microseconds(values[0]).map { .integer($0) } ?? .null
        },
        SQLFunction(
            name: "to_timestamp", usage: "to_timestamp(seconds)", arguments: 1...1, outcome: .text
        ) { values in
            guard let seconds = values[0].number, abs(seconds) < 253_402_300_800 else { return .null }
            return timeText(Int64((seconds * 1_000_000).rounded()))
        },
        SQLFunction(name: "hour", usage: "hour(ts)", arguments: 1...1, outcome: .integer) { values in
            microseconds(values[0]).map { .integer(floor($0, 3_600_000_000) - floor($0, 86_400_000_000) * 24) } ?? .null
        },
    ]

    private static func microseconds(_ value: SQLValue) -> Int64? {
        value.octets.flatMap { TimeText.parse($0) }
    }

    private static func timeText(_ microseconds: Int64) -> SQLValue {
        var octets: [UInt8] = []
        TimeText.append(microseconds, to: &octets)
        return .text(octets)
    }

    private static func floor(_ value: Int64, _ step: Int64) -> Int64 {
        let (quotient, rest) = value.quotientAndRemainder(dividingBy: step)
        return rest < 0 ? quotient - 1 : quotient
    }
}

/// What times are cut down to.
enum TimeStep: Sendable, Equatable {
    /// Microseconds of a step, and a time at which one begins.
    case fixed(Int64, origin: Int64)
    /// Months of a step, counted from January 2000.
    case months(Int64)

    /// DuckDB's: 2000-01-03, a Monday.
    static let monday: Int64 = 946_857_600_000_000

    private static let units: [String: Int64] = [
        "microsecond": 1, "millisecond": 1000, "second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000,
        "day": 86_400_000_000, "week": 604_800_000_000,
    ]
    private static let monthUnits: [String: Int64] = ["month": 1, "quarter": 3, "year": 12]

    /// A part of a time, as date_trunc names it: `hour`.
    init(part name: [UInt8]) throws(FunctionFailure) {
        let text = String(decoding: name, as: UTF8.self).lowercased()
        if let step = TimeStep.units[text] {
            self = .fixed(step, origin: text == "week" ? TimeStep.monday : 0)
        } else if let months = TimeStep.monthUnits[text] {
            self = .months(months)
        } else {
            throw FunctionFailure(
                reason: "date_trunc: there is no part '\(text)'; take microsecond, millisecond, second, minute, hour, "
                    + "day, week, month, quarter or year")
        }
    }

    /// The width of a bucket, as time_bucket has it: `5 minutes`.
    init(width: [UInt8]) throws(FunctionFailure) {
        let words = String(decoding: width, as: UTF8.self).lowercased().split(separator: " ")
        var unit = words.last.map(String.init) ?? ""
        if unit.hasSuffix("s") { unit.removeLast() }
        unit = ["min": "minute", "sec": "second", "hr": "hour"][unit] ?? unit
        let count = words.count == 2 ? Int64(words[0]) : words.count == 1 ? 1 : nil
        if let count, 1...1_000_000 ~= count, let step = TimeStep.units[unit] {
            self = .fixed(step * count, origin: TimeStep.monday)
        } else if let count, 1...12_000 ~= count, let months = TimeStep.monthUnits[unit] {
            self = .months(months * count)
        } else {
            throw FunctionFailure(
                reason: "time_bucket: '\(String(decoding: width, as: UTF8.self))' is no width; write it like "
                    + "'5 minutes', '1 hour' or '1 month'")
        }
    }

    /// Where the step begins that has a time in it.
    func start(of time: Int64) -> Int64 {
        switch self {
        case .fixed(let step, let origin):
            // Both are far from the ends of 64 bits: times are those of four-digit years.
            let rest = (time &- origin) % step
            return time &- (rest < 0 ? rest &+ step : rest)
        case .months(let step):
            let (days, rest) = time.quotientAndRemainder(dividingBy: 86_400_000_000)
            let date = TimeText.civil(days: rest < 0 ? days - 1 : days)
            let months = (date.year - 2000) * 12 + date.month - 1
            let first = months - ((months % step) + step) % step
            let year = 2000 + (first >= 0 ? first / 12 : (first - 11) / 12)
            return TimeText.days(year, first - (year - 2000) * 12 + 1, 1) * 86_400_000_000
        }
    }
}
