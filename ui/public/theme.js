// Runs before anything is painted, so that the page never flashes in the other theme.
document.documentElement.dataset.theme =
  localStorage.getItem("kyc.theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
document.documentElement.lang = localStorage.getItem("kyc.language") || "en";
