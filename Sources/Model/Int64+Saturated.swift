extension Int64 {
    /// The product, or the greatest Int64 where it is none: for limits, which lose nothing by that.
    ///
    /// For factors from 0 on.
    package func multipliedOrMax(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
