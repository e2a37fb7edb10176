import Metrics

extension ControlMetric {
    package init(_ sample: MetricSample) {
        self.init()
        name = sample.name
        switch sample.value {
        case .number(let number): numbers = [number]
        case .family(let label, let values, let numbers):
            self.label = label
            labelValues = values
            self.numbers = numbers
        case .histogram(let bounds, let counts, let sum):
            self.bounds = bounds
            self.counts = counts
            self.sum = sum
        }
    }

    /// `nil` when it has the shape of none.
    package var sample: MetricSample? {
        let value: MetricValue
        if let number = numbers.first, numbers.count == 1, label.isEmpty {
            value = .number(number)
        } else if !label.isEmpty, numbers.count == labelValues.count {
            value = .family(label: label, values: labelValues, numbers: numbers)
        } else if numbers.isEmpty, !bounds.isEmpty, counts.count == bounds.count + 1 {
            value = .histogram(bounds: bounds, counts: counts, sum: sum)
        } else {
            return nil
        }
        return name.isEmpty ? nil : MetricSample(name: name, value: value)
    }
}

extension ControlCode: MetricLabel {
    package static var label: String { "code" }

    /// As `catena.proto` writes it, in small letters.
    package var labelValue: String {
        "\(self)".reduce(into: "") { name, letter in
            name += letter.isUppercase ? "_" + letter.lowercased() : String(letter)
        }
    }
}
