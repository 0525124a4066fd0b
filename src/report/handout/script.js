for (const label of document.querySelectorAll(".copyable")) label.append(common.copyButton(label.nextElementSibling));
for (const value of document.querySelectorAll(".facts dd > code, .facts dd > a")) value.after(common.copyButton(value));
