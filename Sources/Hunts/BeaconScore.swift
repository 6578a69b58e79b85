// SPDX-License-Identifier: Apache-2.0
//
// How regular the connections of a pair are: RITA's beacon score, version 5 (its analysis/beacons.go).
//
// Reads   times in whole seconds, octets that the originator sent.
// Writes  a score from 0 to 1 and the four that it is made of, each to three decimals.
// Leaves  which pairs are worth a score (`BeaconAnalysis`), what a score means (`ThreatScore`).

import Glibc

/// Weights and bounds of the score; the defaults are RITA's.
package struct BeaconSettings: Sendable, Equatable {
    package var timeWeight = 0.25
    package var sizeWeight = 0.25
    package var durationWeight = 0.25
    package var histogramWeight = 0.25
    /// Bins with a connection below which there is no duration score.
    package var durationBinsMin = 6
    /// Bins in a row from which the duration score is 1.
    package var durationBinsIdeal = 12
    /// Bars of the histogram are alike when they differ by less than this share of the greatest.
    package var modeSensitivity = 0.05
    /// Bars that a histogram of two heights may have beside these.
    package var bimodalOutliers = 1
    /// Bins with a connection below which two heights mean nothing.
    package var bimodalBinsMin = 11
    package var binCount = 24
    /// Distinct seconds that a pair needs.
    package var distinctTimesMin = 4
    /// Connections from which a pair is a strobe and no beacon.
    package var strobeCount = 86_400

    package init() {}
}

/// The score of one pair.
package struct BeaconScore: Sendable, Equatable {
    package var score = 0.0
    package var times = 0.0
    package var sizes = 0.0
    package var histogram = 0.0
    package var duration = 0.0

    /// The score of a pair.
    ///
    /// - Parameters:
    ///   - times: seconds since 1970 of the connections' beginnings; sorted here.
    ///   - sizes: octets of each connection that the originator sent, IP headers included; sorted here.
    ///   - range: first and last second of the data that the pair is part of.
    /// - Returns: nil where there are too few times or sizes, or the range is empty.
    package init?(times: inout [Int64], sizes: inout [Double], range: ClosedRange<Int64>, _ settings: BeaconSettings) {
        guard range.lowerBound < range.upperBound else { return nil }
        if !BeaconMath.isSorted(times) { times.sort() }
        guard let timeScore = BeaconMath.timeScore(times), let sizeScore = BeaconMath.sizeScore(&sizes),
            let bars = BeaconMath.histogram(times, range: range, binCount: settings.binCount),
            let counts = BeaconMath.heights(bars, sensitivity: settings.modeSensitivity),
            let histogram = BeaconMath.histogramScore(bars, counts, settings),
            let first = times.first, let last = times.last,
            let duration = BeaconMath.durationScore(range: range, first: first, last: last, counts, settings)
        else { return nil }
        self.times = timeScore.score
        self.sizes = sizeScore.score
        self.histogram = histogram
        self.duration = duration.score
        let sum = self.times * settings.timeWeight + self.sizes * settings.sizeWeight
            + self.duration * settings.durationWeight + histogram * settings.histogramWeight
        score = BeaconMath.thousandths(sum)
    }

    package init() {}
}

/// What is known of a list of numbers: how skewed, how scattered, and the score that comes of it.
package struct Regularity: Sendable, Equatable {
    /// Bowley's skewness.
    package var skewness: Double
    /// Median of the distances to the median.
    package var deviation: Double
    package var score: Double
}

/// Heights of a histogram's bars.
package struct HeightCounts: Sendable, Equatable {
    /// Bars by the lower end of the group of heights that they belong to.
    package var groups: [Int: Int]
    /// Bins that are not empty.
    package var barCount: Int
    /// Longest run of bins that are not empty, the last bin followed by the first.
    package var longestRun: Int
}

/// The parts of the score. Each answers nil where its input has too few elements.
package enum BeaconMath {
    /// To three decimals, half away from zero.
    static func thousandths(_ value: Double) -> Double { round(value * 1000) / 1000 }

    static func isSorted<Number: Comparable>(_ values: [Number]) -> Bool {
        for index in values.indices.dropFirst() where values[index] < values[index - 1] { return false }
        return true
    }

    /// Of sorted times: how regular the seconds between them are. Equal times count once.
    package static func timeScore(_ times: [Int64]) -> Regularity? {
        guard times.count >= 4 else { return nil }
        var gaps: [Double] = []
        gaps.reserveCapacity(times.count - 1)
        for index in 1..<times.count where times[index] > times[index - 1] {
            gaps.append(Double(times[index] - times[index - 1]))
        }
        guard gaps.count >= 3 else { return nil }
        gaps.sort()
        return regularity(gaps, scoreOfNone: 1)
    }

    /// How alike the sizes are.
    package static func sizeScore(_ sizes: inout [Double]) -> Regularity? {
        guard sizes.count >= 3 else { return nil }
        if !isSorted(sizes) { sizes.sort() }
        return regularity(sizes, scoreOfNone: 0)
    }

    /// The mean of two scores over sorted numbers: one is the less the more skewed they are, one the less the more
    /// scattered. `scoreOfNone` is the latter where the median is below 1.
    package static func regularity(_ sorted: [Double], scoreOfNone: Double) -> Regularity? {
        guard let skewness = skewness(sorted), let (deviation, score) = scatter(sorted, scoreOfNone: scoreOfNone) else {
            return nil
        }
        return Regularity(
            skewness: skewness, deviation: deviation, score: thousandths((1 - abs(skewness) + score) / 2))
    }

    /// Bowley's skewness of at least three sorted numbers, (Q1 + Q3 - 2 Q2) / (Q3 - Q1). The quartiles are medians of
    /// the halves, the middle number in neither. 0 where Q3 - Q1 is below 10 or the median is a quartile.
    package static func skewness(_ sorted: [Double]) -> Double? {
        guard sorted.count >= 3 else { return nil }
        let half = sorted.count / 2
        let first = median(sorted[..<half])
        let second = median(sorted[...])
        let third = median(sorted[(sorted.count - half)...])
        let spread = third - first
        guard spread >= 10, second != first, second != third else { return 0 }
        return (first + third - 2 * second) / spread
    }

    /// Median absolute deviation of sorted numbers, and the score (median - deviation) / median.
    package static func scatter(_ sorted: [Double], scoreOfNone: Double) -> (deviation: Double, score: Double)? {
        guard !sorted.isEmpty else { return nil }
        let middle = median(sorted[...])
        let deviation = medianDistance(sorted, to: middle)
        return (deviation, middle >= 1 ? max((middle - deviation) / middle, 0) : max(scoreOfNone, 0))
    }

    /// The middle number, or the mean of the two.
    static func median(_ sorted: ArraySlice<Double>) -> Double {
        let middle = sorted.startIndex + sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// The median distance of sorted numbers to one between them. Distances grow from there to both ends, so they
    /// are met in order by walking outwards; nothing is sorted.
    private static func medianDistance(_ sorted: [Double], to centre: Double) -> Double {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < centre { low = middle + 1 } else { high = middle }
        }
        var right = low
        var left = low - 1
        var last = 0.0
        var current = 0.0
        for _ in 0...(sorted.count / 2) {
            last = current
            let below = left >= 0 ? centre - sorted[left] : .infinity
            let above = right < sorted.count ? sorted[right] - centre : .infinity
            current = min(below, above)
            if below < above { left -= 1 } else { right += 1 }
        }
        return sorted.count % 2 == 1 ? current : (last + current) / 2
    }

    /// Connections in each of `binCount` stretches of equal length between the ends of the range. Times before it
    /// count to the first, times behind it to the last. Times are sorted.
    package static func histogram(_ times: [Int64], range: ClosedRange<Int64>, binCount: Int) -> [Int]? {
        guard binCount > 0, range.lowerBound < range.upperBound else { return nil }
        let step = Double(range.upperBound - range.lowerBound) / Double(binCount)
        var edges = (0..<binCount).map { Double(range.lowerBound) + Double($0) * step }
        edges.append(Double(range.upperBound))
        return histogram(times, edges: edges)
    }

    /// The same between given edges, in ascending order, at least two.
    package static func histogram(_ times: [Int64], edges: [Double]) -> [Int]? {
        guard edges.count >= 2, !times.isEmpty else { return nil }
        var bars = [Int](repeating: 0, count: edges.count - 1)
        var bin = 0
        for time in times {
            while bin < bars.count - 1, Double(time) >= edges[bin + 1] { bin += 1 }
            bars[bin] += 1
        }
        return bars
    }

    /// Groups bars of about the same height: groups are as wide as a share of the greatest bar.
    package static func heights(_ bars: [Int], sensitivity: Double) -> HeightCounts? {
        guard let greatest = bars.max() else { return nil }
        let width = ceil(Double(greatest) * sensitivity)
        var counts = HeightCounts(groups: [:], barCount: 0, longestRun: 0)
        var run = 0
        for index in 0 ..< bars.count * 2 {
            let bar = bars[index % bars.count]
            run = bar > 0 ? run + 1 : 0
            counts.longestRun = max(counts.longestRun, min(run, bars.count))
            guard index < bars.count, bar > 0 else { continue }
            counts.barCount += 1
            counts.groups[width >= 1 ? Int(floor(Double(bar) / width) * width) : bar, default: 0] += 1
        }
        return counts
    }

    /// The greater of two scores: how flat the histogram is, and how well two heights describe it.
    package static func histogramScore(_ bars: [Int], _ counts: HeightCounts, _ settings: BeaconSettings) -> Double? {
        guard let flat = flatnessScore(bars), let bimodal = bimodalScore(counts, settings) else { return nil }
        return max(flat, bimodal)
    }

    /// 1 less the coefficient of variation (population standard deviation over mean) of all bars; 0 where that is
    /// above 1. Nil without a connection.
    package static func flatnessScore(_ bars: [Int]) -> Double? {
        guard !bars.isEmpty, bars.allSatisfy({ $0 >= 0 }) else { return nil }
        let total = bars.reduce(0, +)
        guard total > 0 else { return nil }
        let mean = Double(total) / Double(bars.count)
        let squares = bars.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        let variation = (squares / Double(bars.count)).squareRoot() / mean
        return variation > 1 ? 0 : min(thousandths(1 - variation), 1)
    }

    /// Share of the bars in the two largest groups of heights, outliers left out; 0 where bars are few.
    package static func bimodalScore(_ counts: HeightCounts, _ settings: BeaconSettings) -> Double? {
        guard !counts.groups.isEmpty, counts.barCount > 0 else { return nil }
        // Below a quarter of a day one or two bars are always one or two heights.
        let barsMin = settings.bimodalBinsMin < 6 ? 11 : settings.bimodalBinsMin
        guard counts.barCount >= barsMin else { return 0 }
        var largest = 0
        var second = 0
        for count in counts.groups.values {
            if count > largest {
                second = largest
                largest = count
            } else if count > second {
                second = count
            }
        }
        let bars = max(counts.barCount - settings.bimodalOutliers, 1)
        return min(thousandths(Double(largest + second) / Double(bars)), 1)
    }

    /// How much of the range the connections cover, how long they go on without an empty bin, and the greater of both.
    package static func durationScore(
        range: ClosedRange<Int64>, first: Int64, last: Int64, _ counts: HeightCounts, _ settings: BeaconSettings
    ) -> (coverage: Double, consistency: Double, score: Double)? {
        guard settings.durationBinsMin >= 1, settings.durationBinsIdeal >= 1, range.lowerBound < range.upperBound,
            first < last
        else { return nil }
        guard counts.barCount >= settings.durationBinsMin else { return (0, 0, 0) }
        let whole = Double(range.upperBound - range.lowerBound)
        let coverage = min(ceil(Double(last - first) / whole * 1000) / 1000, 1)
        let run = Double(counts.longestRun) / Double(settings.durationBinsIdeal)
        let consistency = min(ceil(run * 1000) / 1000, 1)
        return (coverage, consistency, max(coverage, consistency))
    }
}
