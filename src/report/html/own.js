common.addCopyButtons(document.querySelector("main"));
