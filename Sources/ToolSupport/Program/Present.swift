import ArgumentParser

/// Runs a command's body; a failure becomes one line on standard error and the process's exit code.
///
/// - Parameters:
///   - program: comes before the sentence.
///   - json: whether that line is a JSON object.
///   - prints: whether there is a result to print, without which nothing is begun.
///   - tell: takes that line.
/// - Returns: what the body returns.
public func presenting<Value>(
    _ program: String = "catena", json: Bool = false, prints: Bool = false,
    tell: (String) -> Void = { StandardStream.error.write($0) }, _ body: () throws -> Value
) throws -> Value {
    do {
        if prints { try StandardStream.output.demandWritable() }
        return try body()
    } catch let failure as any Presentable {
        tell(failureLine(failure, program: program, json: json))
        throw SystemExit(failure.kind).exitCode
    }
}

/// Tells on standard error of something that does not end the command.
public func warn(_ sentence: String, program: String = "catena", json: Bool = false) {
    StandardStream.error.write(
        json
            ? JSONLine([("warning", .object([("message", .string(sentence))]))]).text
            : ShownText.line("\(program): \(sentence)") + "\n")
}

/// What standard error gets, with its line end.
public func failureLine(_ failure: any Presentable, program: String, json: Bool) -> String {
    guard json else { return ShownText.line("\(program): \(failure.sentence)") + "\n" }
    let error: [(String, JSONValue)] =
        [("kind", .string(failure.kind.rawValue)), ("message", .string(failure.sentence))]
        + failure.facts
        + [("exit_code", .integer(Int64(SystemExit(failure.kind).rawValue)))]
    return JSONLine([("error", .object(error))]).text
}
